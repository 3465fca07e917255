import { expect, it } from "vitest";
import { BlobsFull } from "../blobs.ts";
import { blobsConformance, runOf } from "../conformance.ts";
import { openMemoryBlobs } from "./memory-blobs.ts";

blobsConformance("memory", async () => {
  const blobs = openMemoryBlobs();
  return { open: async () => blobs, discard: async () => {} };
});

it("I9: refuses what does not fit, keeps what it has, and takes more when there is room", async () => {
  const blobs = openMemoryBlobs({ bytesMax: 10 });
  const ref = await blobs.put(runOf(1), Buffer.from("12345678"));
  await expect(blobs.put(runOf(2), Buffer.from("abc"))).rejects.toThrow(BlobsFull);
  expect((await blobs.get(runOf(1), ref))?.length).toBe(8);
  await blobs.drop(runOf(1));
  expect(await blobs.put(runOf(2), Buffer.from("abc"))).toMatchObject({ bytes: 3 });
});
