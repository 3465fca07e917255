// The port of the archive: large, named, immutable things that outlive a node: snapshots of shards and their parts.

/** A name is at most this long: with a folder in front of it, it still is a path. */
export const ARCHIVE_NAME_CHARACTERS_MAX = 255;

/** Something stored. */
export interface Archived {
  /** Tokens of `[A-Za-z0-9_-]` joined by slashes, at most {@link ARCHIVE_NAME_CHARACTERS_MAX} characters. */
  readonly name: string;
  readonly bytes: number;
  /** When it was stored, epoch ms by the archive's own clock. */
  readonly storedMs: number;
}

/** Every method rejects with RangeError for a name that is none, and with whatever is wrong when it cannot be reached. */
export interface Archive {
  /**
   * Stores the bytes of `chunks`, one after the other, durable when it resolves; until then nobody sees the name. A name
   * that is there already is replaced. A chunk must not change until the next one is asked for. Rejects with
   * {@link ArchiveFull} when there is no room, and with what `chunks` throws; nothing is left behind then.
   */
  put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Archived>;
  /**
   * The bytes in chunks of any size, checked on the way: rejects or, at the latest at the end, throws
   * {@link ArchiveDamaged} when they are not what was stored. undefined = there is nothing by this name. What is replaced
   * or dropped while it is read counts as damaged, unless all of it still comes.
   */
  get(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Everything whose name begins with `prefix`, by name. */
  list(prefix: string): Promise<Archived[]>;
  /** Removes it; nothing by this name is fine. */
  drop(name: string): Promise<void>;
  close(): Promise<void>;
}

/** There is no room; nothing was stored. */
export class ArchiveFull extends Error {
  override readonly name = "ArchiveFull";
}

/** What is stored is not what was put there. */
export class ArchiveDamaged extends Error {
  override readonly name = "ArchiveDamaged";
}
