// A folder of the operating system.
import { close, constants, fdatasync, open as openFile, read, write } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readdir, rename, stat, statfs, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { tryLock } from "fs-native-extensions";
import { JournalLocked } from "../journal.ts";
import type { Disk, DiskFile, ListedFile } from "./disk.ts";

/** Only the process's user reads journals: they hold payloads. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const LOCK_NAME = "lock";

/**
 * Whether a write to a file opened with O_DSYNC is durable when it returns: on Linux. Elsewhere the flag is missing or
 * stops at the drive's cache, so a sync follows each write.
 */
const O_DSYNC_SUFFICES = process.platform === "linux";

export function nodeDisk(folder: string, usesDsync = O_DSYNC_SUFFICES): Disk {
  return new NodeDisk(folder, usesDsync);
}

class NodeDisk implements Disk {
  readonly #folder: string;
  readonly #usesDsync: boolean;
  #lock: FileHandle | null = null;

  constructor(folder: string, usesDsync: boolean) {
    this.#folder = folder;
    this.#usesDsync = usesDsync;
  }

  async lock(): Promise<void> {
    const made = await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
    if (made !== undefined) await syncPath(dirname(made));
    const handle = await open(join(this.#folder, LOCK_NAME), "a+", FILE_MODE);
    let isMine = false;
    try {
      isMine = tryLock(handle.fd);
    } finally {
      if (!isMine) await handle.close();
    }
    if (!isMine) throw new JournalLocked(`The journal in ${this.#folder} is open already, here or in another process.`);
    this.#lock = handle;
  }

  async unlock(): Promise<void> {
    await this.#lock?.close();
    this.#lock = null;
  }

  async list(): Promise<ListedFile[]> {
    const names = await readdir(this.#folder);
    return Promise.all(names.map(async (name) => ({ name, bytes: (await stat(join(this.#folder, name))).size })));
  }

  open(name: string): Promise<DiskFile> {
    return this.#openFile(name, constants.O_RDWR);
  }

  create(name: string): Promise<DiskFile> {
    return this.#openFile(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  }

  rename(from: string, to: string): Promise<void> {
    return rename(join(this.#folder, from), join(this.#folder, to));
  }

  remove(name: string): Promise<void> {
    return unlink(join(this.#folder, name));
  }

  syncFolder(): Promise<void> {
    return syncPath(this.#folder);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  async #openFile(name: string, flags: number): Promise<DiskFile> {
    const allFlags = this.#usesDsync ? flags | constants.O_DSYNC : flags;
    const fd = await promisify(openFile)(join(this.#folder, name), allFlags, FILE_MODE);
    return new NodeFile(fd, this.#usesDsync);
  }
}

/** A bare file descriptor: a FileHandle would put a promise on the way of every append. */
class NodeFile implements DiskFile {
  readonly #fd: number;
  readonly #usesDsync: boolean;

  constructor(fd: number, usesDsync: boolean) {
    this.#fd = fd;
    this.#usesDsync = usesDsync;
  }

  write(bytes: Uint8Array, at: number, done: (error: Error | null) => void): void {
    write(this.#fd, bytes, 0, bytes.length, at, (error, written) => {
      if (error !== null) done(error);
      // A short write: the rest says why.
      else if (written < bytes.length) this.write(bytes.subarray(written), at + written, done);
      else if (this.#usesDsync) done(null);
      else fdatasync(this.#fd, done);
    });
  }

  async read(into: Buffer, at: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await promisify(read)(this.#fd, into, filled, into.length - filled, at + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  close(): Promise<void> {
    return promisify(close)(this.#fd);
  }
}

async function syncPath(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
