// The few things a file journal asks of its folder, so that a test can record them and replay every crash.
// Names are file names within the folder, never paths.

/** A file open for reading and writing. */
export interface DiskFile {
  /**
   * Writes all bytes at an offset; `done` is called later, once, with null when they are durable. The bytes must not
   * change before. After an error any part of them may be there. Writes to places once written change no metadata.
   */
  write(bytes: Uint8Array, at: number, done: (error: Error | null) => void): void;
  /** Reads into the whole of `into`, or less at the end of the file; resolves to the number of bytes. */
  read(into: Buffer, at: number): Promise<number>;
  close(): Promise<void>;
}

export interface ListedFile {
  readonly name: string;
  readonly bytes: number;
}

/** The folder of one journal. Errors are the operating system's, with its `code`. */
export interface Disk {
  /** Makes the folder if there is none and takes its lock, which dies with the process. Rejects with JournalLocked. */
  lock(): Promise<void>;
  unlock(): Promise<void>;
  list(): Promise<ListedFile[]>;
  open(name: string): Promise<DiskFile>;
  /** A new, empty file; there must be none of that name. */
  create(name: string): Promise<DiskFile>;
  /** Durable after {@link syncFolder}, like `remove` and the name of a created file. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  syncFolder(): Promise<void>;
  /** Room for new files. */
  freeBytes(): Promise<number>;
}

/** Writes as a promise, for everything but the way of an append. */
export function writeDurably(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(bytes, at, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Whether an error says that there is no room (or no quota) left. */
export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}
