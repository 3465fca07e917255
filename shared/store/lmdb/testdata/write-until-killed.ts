// Writes the slices of a random history into a store, from the one after the last that is in it, and prints the number of
// each when it was written, up to a last one; then waits. For tests that kill it: `node write-until-killed.ts <folder> <last>`.
import { openLmdbStore } from "../open.ts";
import { sliceNumbered } from "./numbered-slices.ts";

const [folder = "", last] = process.argv.slice(2);
const store = await openLmdbStore(folder);

function next(number: number): void {
  store.write(sliceNumbered(number), (outcome) => {
    if (outcome.type !== "written") throw new Error(`slice ${number}: ${outcome.type}`);
    process.stdout.write(`wrote ${number}\n`);
    if (number < Number(last)) next(number + 1);
  });
}

next((store.meta()?.position ?? 0) + 1);
