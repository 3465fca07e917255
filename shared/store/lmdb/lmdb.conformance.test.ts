import { join } from "node:path";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { storeConformance } from "../conformance.ts";
import { type CopyPlace, copyConformance } from "../copy-conformance.ts";
import { modelConformance } from "../model-conformance.ts";
import { openLmdbStore } from "./open.ts";
import { restoreLmdbStore } from "./restore.ts";

async function place(): Promise<CopyPlace> {
  const folder = await tempFolder();
  const path = join(folder.path, "store");
  return {
    open: () => openLmdbStore(path),
    restore: (parts) => restoreLmdbStore(path, parts),
    discard: async () => await folder[Symbol.asyncDispose](),
  };
}

storeConformance("lmdb", place);
modelConformance("lmdb", place);
copyConformance("lmdb", place);
