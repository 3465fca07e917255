// The port of the archive: large, named, immutable things that outlive a node: snapshots of shards and their parts.

/** Something stored. */
export interface Archived {
  /** Tokens of `[A-Za-z0-9_-]` joined by slashes. */
  readonly name: string;
  readonly bytes: number;
  /** When it was stored, epoch ms by the archive's own clock. */
  readonly storedMs: number;
}

export interface Archive {
  /**
   * Stores the bytes of `chunks`, one after the other, durable when it resolves; until then nobody sees the name. A name
   * that is there already is replaced. Rejects with {@link ArchiveFull} when there is no room, and with what `chunks`
   * throws; nothing is left behind then.
   */
  put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Archived>;
  /**
   * The bytes in chunks of any size, checked on the way: throws {@link ArchiveDamaged} at the latest at the end when they
   * are not what was stored. undefined = there is nothing by this name.
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
