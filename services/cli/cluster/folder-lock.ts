import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk } from "@millrace/journal/file/node-disk.ts";

/** Makes a data folder this process's alone. Rejects with `JournalLocked` while it is another's. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, "cluster");
  await mkdir(path, { recursive: true, mode: 0o700 });
  const disk = nodeDisk(path);
  await disk.lock();
  return () => disk.unlock();
}
