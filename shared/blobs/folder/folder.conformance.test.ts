import { mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { BlobDamaged } from "../blobs.ts";
import { blobsConformance, runOf } from "../conformance.ts";
import { openFolderBlobs } from "./folder-blobs.ts";

const folders: string[] = [];
const aFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-blobs-"));
  folders.push(folder);
  return folder;
};

blobsConformance("folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-blobs-"));
  return { open: () => openFolderBlobs(folder), discard: () => rm(folder, { recursive: true }) };
});

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

it("rejects bytes that are not what was put, and mends a blob that is put again", async () => {
  const folder = await aFolder();
  const blobs = await openFolderBlobs(folder);
  const run = runOf(3);
  const ref = await blobs.put(run, Buffer.from("the right bytes"));
  const path = join(folder, run.slice(-2), run, ref.sha256);
  await writeFile(path, "the wrong bytes");
  await expect(blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
  await truncate(path, 3);
  await expect(blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
  await blobs.put(run, Buffer.from("the right bytes"));
  expect(Buffer.from((await blobs.get(run, ref)) ?? []).toString()).toBe("the right bytes");
});

it("leaves nothing half-written behind under a blob's name, and nothing else at all", async () => {
  const folder = await aFolder();
  const blobs = await openFolderBlobs(folder);
  const run = runOf(4);
  const ref = await blobs.put(run, Buffer.from("bytes"));
  expect(await readdir(join(folder, run.slice(-2), run))).toEqual([ref.sha256]);
  await blobs.drop(run);
  expect(await readdir(join(folder, run.slice(-2)))).toEqual([]);
});

it("does not trip over files of others in its folder", async () => {
  const folder = await aFolder();
  const blobs = await openFolderBlobs(folder);
  await writeFile(join(folder, "lost+found"), "");
  await blobs.put(runOf(5), Buffer.from("bytes"));
  const owners: string[] = [];
  await blobs.owners((run) => void owners.push(run));
  expect(owners).toEqual([runOf(5)]);
});
