// Blobs as files, one directory a run, spread over 1,024 directories by the run ID's random end so that none grows large:
//
//   <folder>/7k/01jq3…7k/<sha-256>        a blob
//   <folder>/7k/01jq3…7k/<sha-256>.1a2b   one being written
//
// 1. A blob's name appears only when its bytes are on disk: written aside, synced, renamed, and the directories that
//    gained a name are synced before `put` resolves.
// 2. So a file with a blob's name is whole; what a crash leaves half-written has another name and goes with its run.

import { hash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import { BlobDamaged, type Blobs, BlobsFull } from "../blobs.ts";

const RUN_ID = /^[0-9a-hjkmnp-tv-z]{20}$/;
const SHARD = /^[0-9a-hjkmnp-tv-z]{2}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** Codes of "no room": the disk, the quota, the largest file allowed. */
const FULL_CODES: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Opens the blob store in a folder, making it if need be. */
export async function openFolderBlobs(folder: string): Promise<Blobs> {
  await mkdir(folder, { recursive: true });
  return new FolderBlobs(folder);
}

class FolderBlobs implements Blobs {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(id: RunId, bytes: Uint8Array): Promise<BlobRef> {
    const ref: BlobRef = { sha256: hash("sha256", bytes, "hex"), bytes: bytes.length };
    const owned = this.#directoryOf(id);
    const path = join(owned, ref.sha256);
    try {
      if (await isWhole(path, bytes.length)) {
        // Its bytes are on disk; its name may not be yet, when the first `put` is still under way.
        await syncDirectory(owned);
      } else {
        await this.#makeDirectory(id);
        await writeAside(path, bytes);
      }
    } catch (error: unknown) {
      if (!FULL_CODES.has(codeOf(error))) throw error;
      throw new BlobsFull(`no room for a blob of ${bytes.length} bytes of run ${id}`, { cause: error });
    }
    return ref;
  }

  async get(id: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    if (!SHA256.test(ref.sha256)) return undefined;
    let bytes: Buffer;
    try {
      bytes = await readFile(join(this.#directoryOf(id), ref.sha256));
    } catch (error: unknown) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    if (hash("sha256", bytes, "hex") !== ref.sha256) {
      throw new BlobDamaged(`blob ${ref.sha256} of run ${id} holds ${bytes.length} bytes that are not its own`);
    }
    return bytes;
  }

  async drop(id: RunId): Promise<void> {
    await rm(this.#directoryOf(id), { recursive: true, force: true });
  }

  async owners(visit: (runId: RunId, newestMs: number) => void): Promise<void> {
    for (const shard of await readdir(this.#folder)) {
      if (!SHARD.test(shard)) continue;
      for (const name of await readdir(join(this.#folder, shard))) {
        if (!RUN_ID.test(name)) continue;
        const newestMs = await newestIn(join(this.#folder, shard, name));
        if (newestMs !== undefined) visit(runId(name), newestMs);
      }
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #directoryOf(id: RunId): string {
    if (!RUN_ID.test(id)) throw new Error(`"${id}" is not a run ID`);
    return join(this.#folder, id.slice(-2), id);
  }

  async #makeDirectory(id: RunId): Promise<void> {
    const owned = this.#directoryOf(id);
    const shard = join(this.#folder, id.slice(-2));
    const made = await mkdir(owned, { recursive: true });
    if (made === undefined) return;
    await syncDirectory(shard);
    if (made === shard) await syncDirectory(this.#folder);
  }
}

async function isWhole(path: string, bytes: number): Promise<boolean> {
  try {
    return (await stat(path)).size === bytes;
  } catch (error: unknown) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

async function writeAside(path: string, bytes: Uint8Array): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await withHandle(aside, "wx", async (handle) => {
      await handle.writeFile(bytes);
      await handle.datasync();
    });
    await rename(aside, path);
  } catch (error: unknown) {
    await unlink(aside).catch(() => {}); // What cannot be removed goes with the run.
    throw error;
  }
  await syncDirectory(join(path, ".."));
}

async function syncDirectory(path: string): Promise<void> {
  await withHandle(path, "r", (handle) => handle.sync());
}

async function withHandle(path: string, flags: string, action: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, flags);
  try {
    await action(handle);
  } finally {
    await handle.close();
  }
}

/** When the newest file of a run was written; undefined = the run was dropped meanwhile. */
async function newestIn(owned: string): Promise<number | undefined> {
  try {
    // Every blob's rename changes the directory.
    return (await stat(owned)).mtimeMs;
  } catch (error: unknown) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
