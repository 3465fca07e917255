// The port of the cluster's small common memory: keys with values that change by compare-and-set, and watches on them.
// It holds what few write and many read (who coordinates, which shard is where), never anything about a run.
//
// 1. A `put` succeeds only on top of the revision it names: of two writers one is refused.
// 2. Reads and watches may be a little behind; whoever acts on them writes with a revision, so acting on old news fails.
// 3. A watcher sees every key's newest entry; values in between may be left out, and revisions never go back.

/** A key's value and the revision that made it. Revisions grow over all keys of the store. */
export interface KvEntry {
  /** Tokens of `[A-Za-z0-9_-]` joined by dots. */
  readonly key: string;
  /** At most {@link KV_VALUE_BYTES_MAX}. null = the key was deleted by this revision. */
  readonly value: Uint8Array | null;
  readonly revision: number;
}

/** The largest value: a map of some thousand shards. */
export const KV_VALUE_BYTES_MAX = 512 * 1024;

export type KvOutcome =
  | { readonly type: "put"; readonly revision: number }
  /** The key is at another revision: nothing was written. */
  | { readonly type: "stale" }
  /** Nobody knows: read the key to find out. */
  | { readonly type: "unknown"; readonly reason: string };

export type Unwatch = () => void;

export interface Kv {
  /** The newest entry this side knows of; undefined = never written, or deleted. Rejects when the store is out of reach. */
  get(key: string): Promise<KvEntry | undefined>;
  /** Writes the value if the key's revision is still `expected` (0 = the key must not exist). Never rejects. */
  put(key: string, value: Uint8Array, expected: number): Promise<KvOutcome>;
  /** Deletes the key if its revision is still `expected`. Never rejects. */
  delete(key: string, expected: number): Promise<KvOutcome>;
  /**
   * Calls `changed` with the newest entry of every key there is that begins with `prefix` (whole tokens; empty = all),
   * and again whenever one changes; deletions too. `caughtUp` is called once, when all that was there has been told.
   * A lost connection is mended by itself: what changed meanwhile is told then.
   */
  watch(prefix: string, changed: (entry: KvEntry) => void, caughtUp?: () => void): Unwatch;
  close(): Promise<void>;
}
