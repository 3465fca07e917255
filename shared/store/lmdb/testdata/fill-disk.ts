// `node fill-disk.ts <folder> small`: where `folder` is a file system of 100 MiB, fills it. `large`: does the same things
// without filling anything. Prints as JSON what became of the slices.
//   1 before, 2 while a filler leaves less than the store wants, 3 after making room, 4 a slice larger than what is left
import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DAY_MS, endedRow, runAt, write } from "../../conformance.ts";
import { openLmdbStore } from "../open.ts";

const MIB = 1024 * 1024;
const [folder = "", size] = process.argv.slice(2);
const filler = join(folder, "filler");
const store = await openLmdbStore(join(folder, "store"));
const runs = [1, 2, 3, 4].map((serial) => runAt(DAY_MS, serial));
const outcomes: string[] = [];

for (const [i, id] of runs.entries()) {
  if (i === 1 && size === "small") writeFileSync(filler, Buffer.alloc(60 * MIB));
  if (i === 2) rmSync(filler, { force: true });
  const bytes = i === 3 && size === "small" ? randomBytes(110 * MIB) : Buffer.from("small");
  outcomes.push((await write(store, { ended: [endedRow(id, { bytes })] })).type);
}
const kept = runs.map((id) => store.run(id) !== undefined);
await store.close();
process.stdout.write(`${JSON.stringify({ outcomes, kept })}\n`);
