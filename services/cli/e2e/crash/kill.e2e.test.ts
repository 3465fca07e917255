import { watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as passed } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { createClient } from "@millrace/sdk/client/client.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { audit } from "./audit.ts";
import { CrashServer } from "./crash-server.ts";
import { Load } from "./load.ts";
import { CRASH_WORKFLOWS } from "./workflows.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** What is under way when the server is killed, in turn. */
const MOMENTS = ["load", "start-up", "checkpoint", "start-up"] as const;
type Moment = (typeof MOMENTS)[number];

const KILLS = 22;

/** Every so many kills a worker dies with the server, so that attempts are given out again; the other one survives. */
const WORKER_KILL_EVERY = 4;

const IN_FLIGHT = 80;

/** Runs that must end between two kills under load. */
const PROGRESS = 20;

/** Longest time from that progress, or from the first write of a checkpoint, to the kill. */
const LOAD_MS_MAX = 700;
const CHECKPOINT_MS_MAX = 60;

/** How long to wait for a checkpoint: it comes by bytes of runs that ended. */
const CHECKPOINT_WAIT_MS = 20_000;

/** Where the random moments come from. */
const SEED = 20_260_924;

it("I3, I4, I6: killed by −9 at random moments under load, it loses no acked run and records everything once", async () => {
  const prng = new Prng(SEED);
  await using folder = await tempFolder();
  const data = join(folder.path, "data");
  const place = { folder: data, port: await freePort() };
  const address = `127.0.0.1:${place.port}`;
  const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };

  await using processes = new AsyncDisposableStack();
  const startServer = async (): Promise<CrashServer> => processes.use(await CrashServer.start(place));
  const startWorker = async (): Promise<StartedProcess> =>
    processes.use(await startNode(WORKER, [address, logs.workerLog]));
  let server = await startServer();
  const survivor = await startWorker();
  let mortal = await startWorker();
  await server.ready();
  const client = createClient({ address, timeoutMs: 30_000 });
  for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
  await survivor.waitForLine(/is connected/);
  const load = new Load({ client, prng: prng.fork(), log: logs.clientLog, inFlight: IN_FLIGHT });

  const startMs = performance.now();
  const errors: string[] = [];
  let startUpMs = 1000;
  for (let kill = 0; kill < KILLS; kill++) {
    const bornMs = performance.now();
    const moment = MOMENTS[kill % MOMENTS.length] ?? "load";
    if (moment === "start-up") await passed(startUpMs * (0.2 + 0.8 * (prng.below(1000) / 1000)));
    else {
      await server.ready();
      startUpMs = kill === 0 ? startUpMs : performance.now() - bornMs;
      await busy(moment, load, join(data, "shards", "0", "store"));
      await passed(prng.below(moment === "checkpoint" ? CHECKPOINT_MS_MAX : LOAD_MS_MAX));
    }
    const withWorker = kill % WORKER_KILL_EVERY === 0;
    await Promise.all([server.kill(), withWorker ? mortal.kill() : undefined]);
    errors.push(...server.errors);
    if (withWorker) mortal = await startWorker();
    server = await startServer();
  }
  await server.ready();
  const killedMs = performance.now() - startMs;
  await load.endedMore(PROGRESS);
  await load.finish();
  const found = await server.alive(audit({ client, ...logs }));
  client.close();
  errors.push(...server.errors);
  const seconds = (from: number, until: number): string => ((until - from) / 1000).toFixed(1);
  console.log(
    `${KILLS} kills in ${seconds(0, killedMs)} s, ${found.runs} runs, ${found.results} results recorded, ` +
      `${found.executions} executions (${found.repeated} of an attempt begun before, ${found.lost} attempts lost), ` +
      `${seconds(startMs + killedMs, performance.now())} s to the end of the audit.`,
  );
  expect(errors).toEqual([]);
  expect(load.refusals).toEqual([]);
  expect(found.findings).toEqual([]);
  expect(found.runs).toBe(load.ended);
});

/** Resolves when runs have ended in this life of the server and, for `checkpoint`, its store is being written. */
async function busy(moment: Moment, load: Load, store: string): Promise<void> {
  const written = Promise.withResolvers<void>();
  const watcher = watch(store, (_event, file) => {
    if (file === "main.mdb") written.resolve();
  });
  try {
    await load.endedMore(PROGRESS);
    if (moment === "checkpoint") await Promise.race([written.promise, late()]);
  } finally {
    watcher.close();
  }
}

async function late(): Promise<never> {
  await passed(CHECKPOINT_WAIT_MS, undefined, { ref: false });
  throw new Error("No checkpoint was begun.");
}
