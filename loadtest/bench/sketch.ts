// The limit to compare with: a throw-away engine with the same wires and no features, kept beside the project.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "@millrace/testing/process.ts";
import { fieldsOf, numberIn } from "./json-line.ts";

const PEERS = fileURLToPath(new URL("../../../shared/peers/run", import.meta.url));
/** Installing it, and its four loads. */
const SKETCH_MS_MAX = 10 * 60 * 1000;

/** Throughput of the sketch by runs in flight; undefined when it is not at hand. */
export async function runSketch(home: string, history: boolean): Promise<ReadonlyMap<number, number> | undefined> {
  if (!existsSync(PEERS)) return undefined;
  const folder = await mkdtemp(join(home, "millrace-sketch-"));
  const results = join(folder, "results.jsonl");
  try {
    const env = { RESULTS: results, HISTORY: history ? "1" : "0", CS: "1,64,512,4096" };
    await using sketch = await start(PEERS, ["sketch"], { env });
    await sketch.waitForLine(/"fig":"totals"/, SKETCH_MS_MAX);
    const rates = new Map<number, number>();
    for (const line of (await readFile(results, "utf8")).trim().split("\n")) {
      const fields = fieldsOf(line);
      rates.set(numberIn(fields, "C") ?? 0, numberIn(fields, "runs_s") ?? 0);
    }
    return rates;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
