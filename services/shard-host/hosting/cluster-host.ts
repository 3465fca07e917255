// All shards that a process hosts for its cluster, as its node agent drives them.
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position, RunId, ShardId } from "@millrace/model/ids.ts";
import type { ShardHost, ShardProgress, TakeOver, TakeOverTerms } from "../ownership/host.ts";
import type { Shard } from "../shard.ts";
import type { Replica } from "../standby/replica.ts";
import type { HostParts } from "./host-parts.ts";
import { HostedShard } from "./hosted-shard.ts";

export class ClusterHost implements ShardHost {
  readonly #parts: HostParts;
  readonly #hosted = new Map<ShardId, HostedShard>();

  constructor(parts: HostParts) {
    this.#parts = parts;
  }

  startStandby(shard: MapShard): void {
    this.#of(shard.id).startStandby(shard);
  }

  async drop(shard: ShardId): Promise<void> {
    await this.#hosted.get(shard)?.drop();
    this.#forgetIdle(shard);
  }

  takeOver(shard: MapShard, terms: TakeOverTerms): Promise<TakeOver> {
    return this.#of(shard.id).takeOver(shard, terms);
  }

  async release(shard: ShardId): Promise<void> {
    await this.#hosted.get(shard)?.release();
    this.#forgetIdle(shard);
  }

  progress(): readonly ShardProgress[] {
    return [...this.#hosted].flatMap(([id, hosted]) => hosted.progress(id) ?? []);
  }

  load(): number {
    let load = 0;
    for (const { shard } of this.#hosted.values()) load += shard?.load.mailbox ?? 0;
    return load;
  }

  /** Shards that serve here. */
  owned(): ReadonlyMap<ShardId, Shard> {
    const owned = new Map<ShardId, Shard>();
    for (const [id, { shard }] of this.#hosted) if (shard !== null) owned.set(id, shard);
    return owned;
  }

  /** The standby of a shard here, if there is one that follows. */
  replica(shard: ShardId): Replica | null {
    return this.#hosted.get(shard)?.replica ?? null;
  }

  /**
   * Drops what is past retention at `nowMs` from the stores of owners and standbys, one after the other. Rejects when one
   * of them cannot, after all others have.
   */
  async retain(nowMs: number): Promise<void> {
    const failed: unknown[] = [];
    for (const hosted of this.#hosted.values())
      await hosted.retain(nowMs).catch((error: unknown) => {
        failed.push(error);
      });
    if (failed.length > 0) throw failed[0];
  }

  /** Whether a shard that serves here has such a run; undefined = cannot be said. */
  knows(shard: ShardId, runId: RunId): boolean | undefined {
    return this.#hosted.get(shard)?.shard?.knows(runId);
  }

  /** Puts a shard's store into the archive now. Rejects when it is not hosted here. */
  async snapshot(shard: ShardId): Promise<Position> {
    const hosted = this.#hosted.get(shard);
    if (hosted === undefined) throw new Error(`Shard ${shard} is not hosted here.`);
    return hosted.snapshot();
  }

  #of(shard: ShardId): HostedShard {
    let hosted = this.#hosted.get(shard);
    if (hosted === undefined) {
      hosted = new HostedShard(this.#parts);
      this.#hosted.set(shard, hosted);
    }
    return hosted;
  }

  #forgetIdle(shard: ShardId): void {
    if (this.#hosted.get(shard)?.isIdle === true) this.#hosted.delete(shard);
  }
}
