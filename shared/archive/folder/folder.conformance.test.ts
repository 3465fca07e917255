import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { archiveConformance } from "../conformance.ts";
import { openFolderArchive } from "./folder-archive.ts";

archiveConformance("folder", async () => {
  const folder = await tempFolder();
  return {
    open: () => openFolderArchive(folder.path),
    damage: async (name, how) => {
      const path = `${join(folder.path, ...name.split("/"))}.archive`;
      const bytes = await readFile(path);
      if (how === "shorten") await truncate(path, bytes.length - 1);
      else await writeFile(path, bytes.with(1000, 0xff));
    },
    [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose](),
  };
});
