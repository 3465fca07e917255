import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storeConformance } from "../conformance.ts";
import { openLmdbStore } from "./open.ts";

storeConformance("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "millrace-store-"));
  return { open: () => openLmdbStore(folder), discard: () => rm(folder, { recursive: true }) };
});
