// `make chaos MINUTES=5`: a cluster under load, of which one part after the other dies, stops or stands still, drawn by a
// seed; then a checker that knows only the client's log, the workers' log and the public API looks for what must not be.
import { parseArgs } from "node:util";
import { ClusterUnderLoad } from "./cluster-under-load.ts";

const HELP = `Lets parts of a cluster die under load, and checks that nothing was lost.

  --minutes <count>    how long, 0.1 to 600; default 5
  --seed <number>      what is drawn; default from the clock
  --in-flight <count>  runs on their way, 1 to 10,000; default 400
`;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    "in-flight": { type: "string", default: "400" },
    help: { type: "boolean", default: false },
  },
});
const [minutes, seed, inFlight] = [Number(values.minutes), Number(values.seed), Number(values["in-flight"])];
if (
  values.help ||
  !(minutes >= 0.1 && minutes <= 600) ||
  !Number.isInteger(seed) ||
  !(inFlight >= 1 && inFlight <= 10_000)
) {
  process.stdout.write(HELP);
  process.exit(values.help ? 0 : 2);
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
say(`seed ${seed}, ${minutes} min, ${inFlight} runs on their way`);
await using cluster = await ClusterUnderLoad.start({ seed, inFlight });
const untilMs = performance.now() + minutes * 60_000;
let troubles = 0;
while (performance.now() < untilMs) {
  const trouble = cluster.draw();
  const fromMs = performance.now();
  await cluster.suffer(trouble);
  troubles++;
  say(
    `${trouble}: ${((performance.now() - fromMs) / 1000).toFixed(1)} s until all was well; ${cluster.load.ended} runs ended`,
  );
}
await cluster.finish();
const found = await cluster.audit();
say(
  `${troubles} troubles, ${found.runs} runs, ${found.results} results recorded, ${found.executions} executions ` +
    `(${found.repeated} of an attempt begun before, ${found.lost} attempts lost), ${cluster.load.refusals.length} starts refused and asked for again.`,
);
for (const finding of found.findings) say(`WRONG: ${finding}`);
if (found.runs !== cluster.load.ended)
  say(`WRONG: the client was told of ${cluster.load.ended} ends, there are ${found.runs} runs.`);
process.exitCode = found.findings.length === 0 && found.runs === cluster.load.ended ? 0 : 1;
