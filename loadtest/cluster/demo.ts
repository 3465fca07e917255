// The story that `make cluster` tells. What it needs is on the stage (stage.ts), what it shows is in the account.
import { type Account, count, shownMs } from "./account.ts";
import { unended } from "./found-runs.ts";
import { nextCommands } from "./next-commands.ts";
import { Observer } from "./observer.ts";
import { raise, SHARDS, type Stage, type StageOptions } from "./stage.ts";
import { SteadyLoad } from "./steady-load.ts";

/** Far from what the cluster can do: this is about who waits, not about speed. */
const RUNS_PER_SECOND = 40;

const WORKFLOW = "trial-reminder";

/** How long each run sleeps: so that at any time some do. */
const SLEEP = "700ms";

/** How long the reader may look at a cluster that does nothing but its work. */
const CALM_MS = 3_000;

/** How long anything may take that the story waits for; generous, for a machine that does other things as well. */
const PATIENCE_MS = 120_000;

export interface DemoOptions extends StageOptions {
  /** End after the totals. */
  readonly once: boolean;
  /** Aborted when somebody wants it to end. */
  readonly stopping: AbortSignal;
}

/** Runs until all is told, and unless `once`, until it is told to stop. Everything it started has ended then. */
export async function demo(options: DemoOptions): Promise<void> {
  const { once, screen, stopping } = options;
  const endings = new AsyncDisposableStack();
  const stopped = new Promise<void>((resolve) => {
    stopping.addEventListener("abort", () => resolve(), { once: true });
  });
  const told = tell(options, endings).then(() => (once ? undefined : stopped));
  try {
    await Promise.race([told, stopped]);
  } finally {
    // What breaks from now on breaks because everything stops.
    told.catch(() => undefined);
    screen.keep();
    await endings.disposeAsync();
  }
  screen.say("Stopped. Everything is kept: make cluster goes on where it was.");
}

async function tell(options: DemoOptions, endings: AsyncDisposableStack): Promise<void> {
  const stage = await raise(options, endings);
  const { client, nodes, screen } = stage;
  const startedFrom = new Date();
  const load = new SteadyLoad({
    client,
    perSecond: RUNS_PER_SECOND,
    request: (n) => ({ workflow: WORKFLOW, input: { customer: `customer-${n}@example.com`, wait: SLEEP } }),
  });
  endings.defer(() => load.close());
  screen.done("callers", `start ${RUNS_PER_SECOND} runs a second of ${WORKFLOW}: a task, a sleep of ${SLEEP}, a task`);
  if (!screen.isTerminal) screen.say("    Shards by node: those it owns + those it stands by for.");
  const observer = new Observer({ nodes, load, screen, stopping: options.stopping });
  await observer.until("shards that are spread evenly, with a standby each", PATIENCE_MS, isBalanced);
  screen.done("balance", `${SHARDS} shards are spread over ${nodes.length} nodes, and each has a standby`);
  await observer.during(CALM_MS);
  await killVictim(stage, observer, load);
  await observer.during(CALM_MS);
  await startVictim(stage, observer);
  await observer.during(CALM_MS);
  load.stop();
  await observer.until("the last run to end", PATIENCE_MS, () => load.isQuiet);
  screen.keep();
  const lost = await unended(client, { workflow: WORKFLOW, startedFrom, runIds: load.durable });
  screen.done("totals", `started ${count(load.started)}, ended ${count(load.ended)}, lost ${count(lost)}`);
  if (lost > 0) throw new Error(`${lost} runs that callers were told are durable are not among those that completed.`);
  if (!options.once) serve(stage, options.stopping);
}

async function killVictim({ screen, victim }: Stage, observer: Observer, load: SteadyLoad): Promise<void> {
  const killedMs = performance.now();
  const pid = victim.pid ?? 0;
  await victim.kill();
  screen.warn("killed", `${victim.name}, by kill -9 ${pid}: its shards have no owner, the worker has no gateway`);
  const account = await observer.until("a take-over", PATIENCE_MS, (seen) => ownedShards(seen) === SHARDS);
  const takenMs = performance.now();
  const owners = account.nodes.flatMap(({ name, hosted }) =>
    hosted === undefined ? [] : `${name} owns ${hosted.owns}`,
  );
  screen.done(
    "take-over",
    `after ${shownMs(takenMs - killedMs)} all ${SHARDS} shards have owners: ${owners.join(", ")}`,
  );
  await observer.until("answers to callers", PATIENCE_MS, () => load.answeredBefore(takenMs));
  const waits = load.waitsMs(killedMs, takenMs);
  const half = shownMs(waits[waits.length >> 1] ?? 0);
  screen.done(
    "callers",
    `${waits.length} waited meanwhile, half of them for ${half} at most, the longest for ${shownMs(waits.at(-1) ?? 0)}`,
  );
  const endedBefore = load.ended;
  await observer.until("runs to end", PATIENCE_MS, () => load.ended > endedBefore);
}

async function startVictim({ screen, victim }: Stage, observer: Observer): Promise<void> {
  const startedMs = performance.now();
  screen.say(`  … ${victim.name} starts again`);
  const [account] = await Promise.all([observer.until("balance", PATIENCE_MS, isBalanced), victim.start()]);
  const owners = account.nodes.map(({ name, hosted }) => `${name} owns ${hosted?.owns ?? 0}`);
  screen.done("balance", `restored ${shownMs(performance.now() - startedMs)} after the start: ${owners.join(", ")}`);
}

/** Leaves the stage to the reader. */
function serve({ nodes, screen }: Stage, stopping: AbortSignal): void {
  for (const node of nodes) {
    node.onEnd = () => {
      if (!stopping.aborted) screen.warn("ended", `${node.name}; start it again:\n  ${node.command}`);
    };
  }
  screen.say(nextCommands(nodes, screen));
}

function ownedShards({ nodes }: Account): number {
  return nodes.reduce((sum, { hosted }) => sum + (hosted?.owns ?? 0), 0);
}

/** Every node has its share, as owner and all together as standbys. */
function isBalanced({ nodes }: Account): boolean {
  const standbys = nodes.reduce((sum, { hosted }) => sum + (hosted?.standsBy ?? 0), 0);
  return standbys === SHARDS && nodes.every(({ hosted }) => hosted?.owns === SHARDS / nodes.length);
}
