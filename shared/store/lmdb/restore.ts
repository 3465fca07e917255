import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ArrivingPart } from "../store.ts";
import { historyPeriod, keysPeriod, MAIN_FILE, openMain } from "./environment.ts";
import { renewLineage } from "./facts.ts";

/** Ends the name of a folder that is being filled. */
const ARRIVING_SUFFIX = ".arriving";

/**
 * Lays the parts of a copy where a store is to be opened: all of them or nothing. What was in the folder goes. Rejects when
 * a part is none of a store's, when the main one is missing, and with whatever its chunks throw.
 */
export async function restoreLmdbStore(folder: string, parts: AsyncIterable<ArrivingPart>): Promise<void> {
  const arriving = `${folder}${ARRIVING_SUFFIX}`;
  await rm(arriving, { recursive: true, force: true });
  await mkdir(arriving, { recursive: true });
  const names = new Set<string>();
  for await (const { name, chunks } of parts) {
    if (name !== MAIN_FILE && historyPeriod(name) === undefined && keysPeriod(name) === undefined)
      throw new Error(`A store's copy has no part ${name}.`);
    names.add(name);
    await pipeline(chunks, createWriteStream(join(arriving, name), { flush: true }));
  }
  if (!names.has(MAIN_FILE)) throw new Error(`The copy of a store has no ${MAIN_FILE}.`);
  const main = openMain(arriving);
  renewLineage(main);
  await main.root.close();
  await rm(folder, { recursive: true, force: true });
  await rename(arriving, folder);
}
