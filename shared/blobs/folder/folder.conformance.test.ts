import { readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { BlobDamaged } from "../blobs.ts";
import { blobsConformance, runOf } from "../conformance.ts";
import { openFolderBlobs } from "./folder-blobs.ts";

blobsConformance("folder", async () => {
  const folder = await tempFolder();
  return { open: () => openFolderBlobs(folder.path), discard: async () => await folder[Symbol.asyncDispose]() };
});

it("rejects bytes that are not what was put, and mends a blob that is put again", async () => {
  await using folder = await tempFolder();
  const blobs = await openFolderBlobs(folder.path);
  const run = runOf(3);
  const ref = await blobs.put(run, Buffer.from("the right bytes"));
  const path = join(folder.path, run.slice(-2), run, ref.sha256);
  await writeFile(path, "the wrong bytes");
  await expect(blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
  await truncate(path, 3);
  await expect(blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
  await blobs.put(run, Buffer.from("the right bytes"));
  expect(Buffer.from((await blobs.get(run, ref)) ?? []).toString()).toBe("the right bytes");
});

it("leaves nothing half-written behind under a blob's name, and nothing else at all", async () => {
  await using folder = await tempFolder();
  const blobs = await openFolderBlobs(folder.path);
  const run = runOf(4);
  const ref = await blobs.put(run, Buffer.from("bytes"));
  expect(await readdir(join(folder.path, run.slice(-2), run))).toEqual([ref.sha256]);
  await blobs.drop(run);
  expect(await readdir(join(folder.path, run.slice(-2)))).toEqual([]);
});

it("does not trip over files of others in its folder", async () => {
  await using folder = await tempFolder();
  const blobs = await openFolderBlobs(folder.path);
  await writeFile(join(folder.path, "lost+found"), "");
  await blobs.put(runOf(5), Buffer.from("bytes"));
  const owners: string[] = [];
  await blobs.owners((run) => void owners.push(run));
  expect(owners).toEqual([runOf(5)]);
});
