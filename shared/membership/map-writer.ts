// The coordinator's pen: one write of the map at a time, each on top of the newest map that is known.
//
// 1. From the moment a map is sent, leases are granted on its terms alone (`presumedVersion`): who loses a shard by it
//    cannot use such a grant before it knows. Whether the write succeeds does not matter for that.
// 2. A new coordinator first writes the map anew under its epoch (`seal`): a write of its predecessor that is still under
//    way finds another revision and fails.
import type { Clock } from "@millrace/clock/clock.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import type { ClusterMap } from "@millrace/model/cluster.ts";
import { printMap } from "./map-text.ts";
import { MAP_KEY, type MapWatch } from "./map-watch.ts";
import { ANSWER_MS } from "./timing.ts";
import { within } from "./within.ts";

export interface MapWriterParts {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly mapWatch: MapWatch;
}

export class MapWriter {
  readonly #kv: Kv;
  readonly #clock: Clock;
  readonly #watch: MapWatch;
  readonly #epoch: number;
  #writing: Promise<void> | null = null;
  #presumed = 0;

  constructor({ kv, clock, mapWatch }: MapWriterParts, epoch: number) {
    this.#kv = kv;
    this.#clock = clock;
    this.#watch = mapWatch;
    this.#epoch = epoch;
  }

  /** The newest version there may be by this coordinator's doing. */
  get presumedVersion(): number {
    return Math.max(this.#presumed, this.#watch.newest?.map.version ?? 0);
  }

  /** Whether the newest map is under this coordinator's epoch: nobody else's write can follow it unseen. */
  get isSealed(): boolean {
    return this.#watch.newest?.map.epoch === this.#epoch;
  }

  get isWriting(): boolean {
    return this.#writing !== null;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Writes the map under this coordinator's epoch; `first` if there is none. */
  seal(first: ClusterMap): void {
    const stored = this.#watch.newest;
    if (stored === null) {
      if (this.#watch.isNone) this.#write(first, 0);
    } else if (stored.map.epoch < this.#epoch)
      this.#write({ ...stored.map, version: stored.map.version + 1 }, stored.revision);
  }

  /** Writes the next map; null = there is nothing to change. */
  change(next: ClusterMap | null): void {
    const stored = this.#watch.newest;
    if (stored === null) return;
    // Leases are granted on the terms of a version that did not come to be: there must be one, or nobody can use them.
    const isMissing = this.#presumed > stored.map.version;
    const map = next ?? (isMissing ? { ...stored.map, version: stored.map.version + 1 } : null);
    if (map !== null) this.#write(map, stored.revision);
  }

  #write(map: ClusterMap, expected: number): void {
    this.#writing = this.#put({ ...map, epoch: this.#epoch }, expected).finally(() => (this.#writing = null));
  }

  async #put(map: ClusterMap, expected: number): Promise<void> {
    this.#presumed = Math.max(this.#presumed, map.version);
    const value = printMap(map);
    const outcome = await within(this.#clock, ANSWER_MS, this.#kv.put(MAP_KEY, value, expected));
    if (outcome?.type === "put") this.#watch.learn({ key: MAP_KEY, value, revision: outcome.revision });
    else await this.#readBack();
  }

  async #readBack(): Promise<void> {
    const entry = await within(this.#clock, ANSWER_MS, this.#kv.get(MAP_KEY));
    // If it is out of reach, the watch tells what came of it when it is back.
    if (entry !== undefined) this.#watch.learn(entry);
  }
}
