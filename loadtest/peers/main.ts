// Runs Millrace and other engines in turn on the standard job and the fan-out, and prints the ratios. On a shared machine
// the same case differs by up to 1.6 times between rounds, so only what ran side by side is compared, as a median.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { start } from "@millrace/testing/process.ts";
import { closedLoop } from "../bench/closed-loop.ts";
import { fieldsOf, numberIn } from "../bench/json-line.ts";
import { startBenchServer } from "../bench/server.ts";

/** The peers' own runner, kept beside the project. */
const RUNNER = fileURLToPath(new URL("../../../shared/peers/run", import.meta.url));
/** Installing a peer the first time, and its cases. */
const PEER_MS_MAX = 20 * 60 * 1000;

const HELP = `Runs Millrace and other engines in turn and prints a JSON line a case, then the median ratios.

  --peers <names>   sketch, restate, bullmq, dbos, temporal; default sketch,restate,bullmq
  --rounds <count>  how often each runs; default 3
  --seconds <count> a peer's case takes; default 10
`;

/** Runs a second of one case. */
interface Case {
  readonly system: string;
  readonly job: "standard" | "fan-out";
  readonly inFlight: number;
  readonly runsPerSecond: number;
}

/** What our runs are in a round: long enough for the slower peers' loads, too. */
const OURS = [
  { job: "standard", inFlight: 1, runs: 1000 },
  { job: "standard", inFlight: 64, runs: 30_000 },
  { job: "standard", inFlight: 512, runs: 60_000 },
  { job: "standard", inFlight: 4096, runs: 80_000 },
  { job: "fan-out", inFlight: 1, runs: 200 },
  { job: "fan-out", inFlight: 16, runs: 1500 },
] as const;

async function ours(home: string): Promise<Case[]> {
  const server = await startBenchServer(home);
  try {
    await closedLoop(server.address, { workflow: "standard", inFlight: 512, runs: 10_000 });
    const cases: Case[] = [];
    for (const { job, inFlight, runs } of OURS) {
      const { runsPerSecond } = await closedLoop(server.address, { workflow: job, inFlight, runs });
      cases.push({ system: "millrace", job, inFlight, runsPerSecond });
    }
    return cases;
  } finally {
    await server.stop();
  }
}

async function peer(home: string, name: string, seconds: string): Promise<Case[]> {
  const folder = await mkdtemp(join(home, "millrace-peer-"));
  const results = join(folder, "results.jsonl");
  try {
    const env = {
      RESULTS: results,
      SECS: seconds,
      CS: "1,64,512,4096",
      HISTORY: "1",
      WAITERS: "0",
      FSYNC: "always",
      TRIES: "1",
    };
    await using running = await start(RUNNER, [name], { env });
    const timer = setTimeout(() => running.signal("SIGKILL"), PEER_MS_MAX);
    await running.exited;
    clearTimeout(timer);
    if (!existsSync(results))
      throw new Error(`${name} measured nothing. Its last lines:\n${running.lines.slice(-20).join("\n")}`);
    return casesOf(name, await readFile(results, "utf8"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The lines a peer wrote, but for those about memory and start-up. */
function casesOf(system: string, lines: string): Case[] {
  const cases: Case[] = [];
  for (const line of lines.trim().split("\n")) {
    const fields = fieldsOf(line);
    const inFlight = numberIn(fields, "C");
    const runsPerSecond = numberIn(fields, "runs_s");
    const fig = fields.get("fig");
    if (inFlight === undefined || runsPerSecond === undefined) continue;
    const job = fig === "five" ? "standard" : fig === "fan200" ? "fan-out" : undefined;
    if (job !== undefined) cases.push({ system, job, inFlight, runsPerSecond });
  }
  return cases;
}

/** Our throughput as a multiple of a peer's, case by case and round by round, as a median. */
function ratios(rounds: readonly (readonly Case[])[]): string[] {
  const found = new Map<string, number[]>();
  for (const cases of rounds)
    for (const theirs of cases) {
      const mine = cases.find(
        (one) => one.system === "millrace" && one.job === theirs.job && one.inFlight === theirs.inFlight,
      );
      if (mine === undefined || theirs.system === "millrace") continue;
      const key = JSON.stringify({ against: theirs.system, job: theirs.job, inFlight: theirs.inFlight });
      found.set(key, [...(found.get(key) ?? []), mine.runsPerSecond / theirs.runsPerSecond]);
    }
  return [...found].map(([key, values]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const median = sorted[sorted.length >> 1] ?? 0;
    return JSON.stringify({
      ...Object.fromEntries(fieldsOf(key)),
      medianRatio: Number(median.toPrecision(3)),
      rounds: values.length,
    });
  });
}

const { values } = parseArgs({
  options: {
    peers: { type: "string", default: "sketch,restate,bullmq" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!existsSync(RUNNER)) {
  process.stderr.write("The other engines' runner is not at hand: it lies beside the project, in ../shared/peers.\n");
  process.exit(1);
}
const rounds: Case[][] = [];
for (let round = 1; round <= Number(values.rounds); round++) {
  const cases: Case[] = [];
  for (const name of ["millrace", ...values.peers.split(",")]) {
    process.stderr.write(`… round ${round}: ${name}\n`);
    const measured = name === "millrace" ? await ours(tmpdir()) : await peer(tmpdir(), name, values.seconds);
    for (const one of measured) process.stdout.write(`${JSON.stringify({ round, ...one })}\n`);
    cases.push(...measured);
  }
  rounds.push(cases);
}
for (const line of ratios(rounds)) process.stdout.write(`${line}\n`);
