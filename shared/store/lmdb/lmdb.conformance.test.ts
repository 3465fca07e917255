import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { type StorePlace, storeConformance } from "../conformance.ts";
import { modelConformance } from "../model-conformance.ts";
import { openLmdbStore } from "./open.ts";

async function place(): Promise<StorePlace> {
  const folder = await tempFolder();
  return { open: () => openLmdbStore(folder.path), discard: async () => await folder[Symbol.asyncDispose]() };
}

storeConformance("lmdb", place);
modelConformance("lmdb", place);
