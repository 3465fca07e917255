// The port of the cluster's small common memory: keys with values that change by compare-and-set, and watches on them.
// It holds what few write and many read (who coordinates, which shard is where), never anything about a run.
//
// 1. A `put` succeeds only on top of the revision it names: of two writers one is refused.
// 2. Reads and watches may be a little behind; whoever acts on them writes with a revision, so acting on old news fails.
// 3. A watcher sees every key's newest entry; values in between may be left out, and a key's revisions never go back.
// 4. A deleted key leaves a mark of some 100 bytes for ever: keys are few, and their names come back.

/** A key's value and the revision that made it. Revisions grow over all keys of the store. */
export interface KvEntry {
  /** Tokens of `[A-Za-z0-9_-]` joined by dots, at most {@link KV_KEY_CHARACTERS_MAX} characters. */
  readonly key: string;
  /** At most {@link KV_VALUE_BYTES_MAX}; not to be changed. null = the key was deleted by this revision. */
  readonly value: Uint8Array | null;
  readonly revision: number;
}

/** Servers take 4 KiB for a whole line of protocol; this leaves room for prefixes. */
export const KV_KEY_CHARACTERS_MAX = 255;

/** The largest value: a map of some thousand shards. */
export const KV_VALUE_BYTES_MAX = 512 * 1024;

export type KvOutcome =
  | { readonly type: "put"; readonly revision: number }
  /** The key is at another revision: nothing was written. */
  | { readonly type: "stale" }
  /** Nobody knows; it may still be written later. Read the key to find out, and write with the revision found there. */
  | { readonly type: "unknown"; readonly reason: string };

/** Ends a watch; nothing is told afterwards. */
export type Unwatch = () => void;

export interface Kv {
  /**
   * The newest entry this side knows of; undefined = never written, or deleted. Rejects with {@link KvUnreachable}, and
   * with RangeError for a key that is none.
   */
  get(key: string): Promise<KvEntry | undefined>;
  /**
   * Writes the value if the key's revision is still `expected`; 0 = the key must not exist, be it that it was deleted.
   * The value must not change before it resolves. Rejects with RangeError for a key or value out of bounds, never else.
   */
  put(key: string, value: Uint8Array, expected: number): Promise<KvOutcome>;
  /** Deletes the key if its revision is still `expected`, 1 or more. Rejects like {@link put}. */
  delete(key: string, expected: number): Promise<KvOutcome>;
  /**
   * Calls `changed` with the newest entry of every key there is that is `prefix` or begins with it and a dot (empty = all
   * keys), and again whenever one changes or is deleted. `caughtUp` is called once, when all that was there has been told.
   * A lost connection is mended by itself: what changed meanwhile is told then. Neither may throw.
   */
  watch(prefix: string, changed: (entry: KvEntry) => void, caughtUp?: () => void): Unwatch;
  /** Ends all watches. */
  close(): Promise<void>;
}

/** The store cannot be asked now. */
export class KvUnreachable extends Error {
  override readonly name = "KvUnreachable";
}
