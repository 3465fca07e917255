// Decides when a shard's store is copied into the archive: by time and by bytes of journal, mostly by its standby, and by
// its owner where that is late or missing. Whoever took one says so in the common memory, so that the owner may cut its
// journal off behind it.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import { type Snapshot, takeSnapshot } from "../standby/snapshots.ts";
import type { HostParts } from "./host-parts.ts";
import type { ShardPlace } from "./shard-place.ts";

/** Between looks. */
const LOOK_MS = 10_000;
/** A snapshot is made at the latest after this long, if anything has changed … */
const EVERY_MS = 5 * 60_000;
/** … or this much journal: what an empty node has to read, and what streams have to hold. */
const JOURNAL_BYTES = 256 * 1024 * 1024;

export interface SnapshotTerms {
  readonly place: ShardPlace;
  /** Bytes of journal folded so far, or held: only differences count. */
  readonly bytes: () => number;
  /** How many times longer than usual it waits: others are to do it first. */
  readonly patience: number;
  /** There is a snapshot at this position, of whoever. */
  readonly taken?: (at: Position) => Promise<void> | undefined;
}

export class Snapshooter {
  readonly #parts: HostParts;
  readonly #terms: SnapshotTerms;
  #timer: CancelTimer;
  #newestAt: Position | null = null;
  #sinceMs: number;
  #sinceBytes: number;
  #taking: Promise<Position> | null = null;
  #isEnded = false;

  constructor(parts: HostParts, terms: SnapshotTerms) {
    this.#parts = parts;
    this.#terms = terms;
    this.#sinceMs = parts.clock.monotonicMs();
    this.#sinceBytes = terms.bytes();
    this.#timer = parts.clock.after(LOOK_MS, () => this.#look());
  }

  /** Takes one now, or waits for the one under way. */
  now(): Promise<Position> {
    this.#taking ??= this.#take().finally(() => {
      this.#taking = null;
    });
    return this.#taking;
  }

  end(): void {
    this.#isEnded = true;
    this.#timer();
  }

  #look(): void {
    const round = async (): Promise<void> => {
      await this.#hear();
      if (this.#isDue()) await this.now();
    };
    round()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        if (!this.#isEnded) this.#timer = this.#parts.clock.after(LOOK_MS, () => this.#look());
      });
  }

  #isDue(): boolean {
    const { place, bytes, patience } = this.#terms;
    const reached = place.store.meta()?.position ?? 0;
    if (this.#isEnded || reached === 0 || reached === this.#newestAt) return false;
    if (this.#newestAt === null && patience === 1) return true;
    const forMs = this.#parts.clock.monotonicMs() - this.#sinceMs;
    const forBytes = Math.max(0, bytes() - this.#sinceBytes);
    return forMs >= EVERY_MS * patience || forBytes >= JOURNAL_BYTES * patience;
  }

  /** What others have taken. */
  async #hear(): Promise<void> {
    const { shard } = this.#terms.place;
    const entry = await this.#parts.kv.get(keyOf(shard.id));
    const said: unknown = entry?.value == null ? null : JSON.parse(Buffer.from(entry.value).toString());
    if (!isSaid(said) || said.generation !== shard.generation || said.position <= (this.#newestAt ?? 0)) return;
    await this.#known(position(said.position));
  }

  async #take(): Promise<Position> {
    const { archive, clock, observer } = this.#parts;
    const { shard, store } = this.#terms.place;
    const fromMs = clock.monotonicMs();
    const snapshot = await takeSnapshot(archive, clock, store, { shard: shard.id, generation: shard.generation });
    if (snapshot === null) throw new Error("The shard has written no checkpoint yet.");
    observer.snapshotTaken(shard.id, snapshot.position, snapshot.bytes, clock.monotonicMs() - fromMs);
    await this.#say(snapshot);
    await this.#known(snapshot.position);
    return snapshot.position;
  }

  async #known(at: Position): Promise<void> {
    this.#newestAt = at;
    this.#sinceMs = this.#parts.clock.monotonicMs();
    this.#sinceBytes = this.#terms.bytes();
    await this.#terms.taken?.(at);
  }

  /** A newer word of somebody else stays. What could not be said is said with the next snapshot. */
  async #say(snapshot: Snapshot): Promise<void> {
    const { kv } = this.#parts;
    const key = keyOf(snapshot.shard);
    const entry = await kv.get(key);
    const { generation, position: at, madeMs } = snapshot;
    const said = Buffer.from(JSON.stringify({ generation, position: at, madeMs }));
    await kv.put(key, said, entry?.revision ?? 0);
  }

  #failed(error: unknown): void {
    if (this.#isEnded) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.observer.snapshotFailed(this.#terms.place.shard.id, reason);
  }
}

function keyOf(shard: number): string {
  return `snapshot.${shard}`;
}

function isSaid(value: unknown): value is { readonly generation: number; readonly position: number } {
  return typeof value === "object" && value !== null && "generation" in value && "position" in value;
}
