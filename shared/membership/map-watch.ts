import type { Kv, KvEntry, Unwatch } from "@millrace/kv/kv.ts";
import type { ClusterMap } from "@millrace/model/cluster.ts";
import { parseMap } from "./map-text.ts";

/** The map's key in the cluster's common memory. */
export const MAP_KEY = "map";

/** A map and the revision that made it; 0 = it was deleted since. */
export interface StoredMap {
  readonly map: ClusterMap;
  readonly revision: number;
}

/** The newest map that this process knows of. */
export class MapWatch {
  readonly #kv: Kv;
  readonly #changed: (map: ClusterMap) => void;
  readonly #malformed: (problem: string) => void;
  #newest: StoredMap | null = null;
  /** Of the newest entry there is, with a map or not. */
  #revision = 0;
  #isAbsent = true;
  #isCaughtUp = false;
  #unwatch: Unwatch = () => {};

  constructor(kv: Kv, changed: (map: ClusterMap) => void, malformed: (problem: string) => void) {
    this.#kv = kv;
    this.#changed = changed;
    this.#malformed = malformed;
  }

  start(): void {
    this.#unwatch = this.#kv.watch(
      MAP_KEY,
      (entry) => this.learn(entry),
      () => (this.#isCaughtUp = true),
    );
  }

  stop(): void {
    this.#unwatch();
  }

  get newest(): StoredMap | null {
    return this.#newest;
  }

  /** Whether it is known that there is no map and never was one. */
  get isNone(): boolean {
    return this.#isCaughtUp && this.#isAbsent && this.#newest === null;
  }

  /** What was read or written elsewhere. */
  learn({ key, value, revision }: KvEntry): void {
    if (key !== MAP_KEY || revision <= this.#revision) return;
    this.#revision = revision;
    this.#isAbsent = value === null;
    if (value === null) {
      if (this.#newest !== null) this.#newest = { ...this.#newest, revision: 0 };
      return this.#malformed("The map was deleted: the last one still holds, and is written again when it changes.");
    }
    const map = parseMap(value);
    if ("problem" in map) return this.#malformed(map.problem);
    this.#newest = { map, revision };
    this.#changed(map);
  }
}
