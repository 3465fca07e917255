// Measures speed and memory on this machine and prints a JSON line a figure (docs/performance.md). Server, worker and
// client are a process each, over gRPC on loopback; every record is synced, history and its indexes are written.
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { type Bench, type Figure, lineOf } from "./figure.ts";
import { clustered } from "./figures/clustered.ts";
import { disk } from "./figures/disk.ts";
import { failOver } from "./figures/fail-over.ts";
import { fanOut } from "./figures/fan-out.ts";
import { restart } from "./figures/restart.ts";
import { shards } from "./figures/shards.ts";
import { throughput } from "./figures/throughput.ts";
import { unary } from "./figures/unary.ts";
import { waiting } from "./figures/waiting.ts";
import { runSketch } from "./sketch.ts";

const FIGURES: readonly Figure[] = [throughput, unary, fanOut, waiting, shards, restart, disk, clustered, failOver];
const USUAL = FIGURES.filter(({ needsNats }) => needsNats === undefined).map(({ name }) => name);

const HELP = `Measures Millrace on this machine; prints a JSON line a figure.

  --only <names>   of ${FIGURES.map(({ name }) => name).join(", ")}; separated by commas;
                   default ${USUAL.join(", ")}
  --scale <share>  of the full number of runs, 0.01 to 1; default 1
  --home <folder>  on the disk to measure; default the system's folder for temporary files
  --no-sketch      do not run the sketch for comparison
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    scale: { type: "string", default: "1" },
    home: { type: "string", default: tmpdir() },
    "no-sketch": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const scale = Number(values.scale);
if (values.help || !(scale >= 0.01 && scale <= 1)) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}
const names = values.only?.split(",") ?? USUAL;
const say = (line: string): void => {
  process.stderr.write(`… ${line}\n`);
};

const compare = !values["no-sketch"] && names.includes("throughput");
if (compare) say("the sketch");
const rates = compare ? await runSketch(values.home, true) : undefined;
if (compare && rates === undefined) say("the sketch is not at hand; shares of it are left out");
const bench: Bench = { home: values.home, scale, sketch: (inFlight) => rates?.get(inFlight), say };

for (const figure of FIGURES) {
  if (!names.includes(figure.name)) continue;
  say(figure.name);
  for (const measured of await figure.take(bench)) process.stdout.write(`${lineOf(measured)}\n`);
}
