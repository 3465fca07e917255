// An archive as files, for backups:
//
//   <folder>/snapshots/3/41.archive        snapshots/3/41: its bytes, and a trailer by which they are checked
//   <folder>/snapshots/3/41.archive.1a2b   one being written
//
// 1. A name appears only when its bytes are on disk: written aside, synced, renamed, and the directories that gained a
//    name are synced before `put` resolves.
// 2. So a file with a name is whole; what a crash leaves half-written has another name, and a later opening removes it.
// 3. Tokens of names have no dots, so nothing is a directory and a file at once.
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { type Archive, ArchiveDamaged, type Archived, ArchiveFull } from "../archive.ts";
import { checkName, isName } from "../name.ts";
import { decodeTrailer, encodeTrailer, TRAILER_BYTES, type Trailer } from "./trailer.ts";

const SUFFIX = ".archive";
const ASIDE = /\.archive\.[0-9a-f]{8}$/;
/** A file being written that nobody has written to for so long was left by a crash. */
const ASIDE_AGE_MS_MAX = 60 * 60 * 1000;
/** Bytes read at once. */
const CHUNK_BYTES = 1024 * 1024;
/** Making a directory may lose against the drop that removes it as empty, but not often in a row. */
const DIRECTORY_TRIES = 5;
/** Codes of "no room": the disk, the quota, the largest file allowed. */
const FULL_CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Opens the archive in a folder, making it if need be. */
export async function openFolderArchive(folder: string): Promise<Archive> {
  await mkdir(folder, { recursive: true });
  const oldMs = Date.now() - ASIDE_AGE_MS_MAX;
  for (const path of await filesBelow(folder)) {
    if (ASIDE.test(path) && ((await ifThere(stat(path)))?.mtimeMs ?? oldMs) < oldMs) await rm(path, { force: true });
  }
  return new FolderArchive(folder);
}

class FolderArchive implements Archive {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Archived> {
    const path = this.#pathOf(name);
    const aside = `${path}.${randomBytes(4).toString("hex")}`;
    const handle = await this.#create(aside, name);
    let trailer: Trailer;
    try {
      trailer = await write(handle, chunks, name);
      await rename(aside, path);
    } catch (error: unknown) {
      await unlink(aside).catch(() => {}); // What cannot be removed goes at a later opening.
      throw error;
    }
    await syncDirectory(dirname(path));
    return { name, bytes: trailer.bytes, storedMs: trailer.storedMs };
  }

  async get(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = this.#pathOf(name);
    const handle = await ifThere(open(path, "r"));
    if (handle === undefined) return undefined;
    try {
      await wholeTrailer(handle, name);
    } finally {
      await handle.close();
    }
    return read(path, name);
  }

  async list(prefix: string): Promise<Archived[]> {
    const listed: Archived[] = [];
    // Directories need not be looked into whose names cannot become longer ones that begin so.
    const paths = await filesBelow(this.#folder, (directory) => {
      const above = `${this.#nameOf(directory)}/`;
      return above.startsWith(prefix) || prefix.startsWith(above);
    });
    for (const path of paths) {
      const name = this.#nameOf(path.slice(0, -SUFFIX.length));
      if (!path.endsWith(SUFFIX) || !isName(name) || !name.startsWith(prefix)) continue;
      const archived = await describe(path, name);
      if (archived !== undefined) listed.push(archived);
    }
    return listed.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  async drop(name: string): Promise<void> {
    const path = this.#pathOf(name);
    await ifThere(unlink(path));
    try {
      for (let directory = dirname(path); directory !== this.#folder; directory = dirname(directory)) {
        await rmdir(directory);
      }
    } catch {
      // Something else is in there, or it is gone already: either way nothing is left to do.
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #pathOf(name: string): string {
    checkName(name);
    return join(this.#folder, ...name.split("/")) + SUFFIX;
  }

  #nameOf(path: string): string {
    return relative(this.#folder, path).split(sep).join("/");
  }

  async #create(aside: string, name: string): Promise<FileHandle> {
    try {
      for (let tried = 1; ; tried++) {
        await this.#makeDirectory(dirname(aside));
        const handle = await ifThere(open(aside, "wx"));
        if (handle !== undefined) return handle;
        if (tried === DIRECTORY_TRIES) throw new Error(`The directory of ${name} keeps disappearing.`);
      }
    } catch (error: unknown) {
      throw isFull(error) ? new ArchiveFull(`no room for ${name}`, { cause: error }) : error;
    }
  }

  /** Makes it, with those above; every directory that gained a name is synced. */
  async #makeDirectory(directory: string): Promise<void> {
    const made = await mkdir(directory, { recursive: true });
    if (made === undefined) return;
    for (let gained = dirname(directory); ; gained = dirname(gained)) {
      await ifThere(syncDirectory(gained));
      if (gained === dirname(made)) return;
    }
  }
}

/** Writes chunks and trailer, syncs and closes. */
async function write(handle: FileHandle, chunks: AsyncIterable<Uint8Array>, name: string): Promise<Trailer> {
  const hashed = createHash("sha256");
  let bytes = 0;
  const noRoom = (error: unknown): never => {
    throw isFull(error) ? new ArchiveFull(`no room for ${name} behind ${bytes} bytes`, { cause: error }) : error;
  };
  try {
    for await (const chunk of chunks) {
      hashed.update(chunk);
      await handle.writeFile(chunk).catch(noRoom);
      bytes += chunk.length;
    }
    const trailer = { bytes, storedMs: Date.now(), sha256: hashed.digest() };
    await handle.writeFile(encodeTrailer(trailer)).catch(noRoom);
    await handle.datasync().catch(noRoom);
    return trailer;
  } finally {
    await handle.close();
  }
}

async function* read(path: string, name: string): AsyncGenerator<Uint8Array> {
  const handle = await ifThere(open(path, "r"));
  if (handle === undefined) throw new ArchiveDamaged(`${name} was dropped while it was read`);
  try {
    const trailer = await wholeTrailer(handle, name);
    const hashed = createHash("sha256");
    for (let at = 0; at < trailer.bytes; ) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, trailer.bytes - at));
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw new ArchiveDamaged(`${name} ends at byte ${at} of ${trailer.bytes}`);
      hashed.update(chunk.subarray(0, bytesRead));
      yield chunk.subarray(0, bytesRead);
      at += bytesRead;
    }
    if (!hashed.digest().equals(trailer.sha256)) {
      throw new ArchiveDamaged(`${name} does not hold the ${trailer.bytes} bytes that were put there`);
    }
  } finally {
    await handle.close();
  }
}

async function wholeTrailer(handle: FileHandle, name: string): Promise<Trailer> {
  const { size } = await handle.stat();
  const trailer = await trailerOf(handle, size);
  if (trailer === null) throw new ArchiveDamaged(`the file of ${name} has ${size} bytes and is not whole`);
  return trailer;
}

async function trailerOf(handle: FileHandle, fileBytes: number): Promise<Trailer | null> {
  if (fileBytes < TRAILER_BYTES) return null;
  const last = Buffer.alloc(TRAILER_BYTES);
  const { bytesRead } = await handle.read(last, 0, TRAILER_BYTES, fileBytes - TRAILER_BYTES);
  return decodeTrailer(last.subarray(0, bytesRead), fileBytes);
}

/** For lists. A damaged file is there all the same: with its own size and time. undefined = it is gone. */
async function describe(path: string, name: string): Promise<Archived | undefined> {
  const handle = await ifThere(open(path, "r"));
  if (handle === undefined) return undefined;
  try {
    const { size, mtimeMs } = await handle.stat();
    const trailer = await trailerOf(handle, size);
    return { name, bytes: trailer?.bytes ?? size, storedMs: trailer?.storedMs ?? Math.floor(mtimeMs) };
  } finally {
    await handle.close();
  }
}

/** Paths of all files below a directory, but for what lies in directories that `enters` refuses. */
async function filesBelow(directory: string, enters: (path: string) => boolean = () => true): Promise<string[]> {
  const found: string[] = [];
  for (const entry of (await ifThere(readdir(directory, { withFileTypes: true }))) ?? []) {
    const path = join(directory, entry.name);
    if (entry.isFile()) found.push(path);
    else if (entry.isDirectory() && enters(path)) found.push(...(await filesBelow(path, enters)));
  }
  return found;
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** undefined = there is no such file or directory. */
async function ifThere<Result>(promise: Promise<Result>): Promise<Result | undefined> {
  try {
    return await promise;
  } catch (error: unknown) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function isFull(error: unknown): boolean {
  return FULL_CODES.has(codeOf(error));
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
