import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { createClient } from "@millrace/sdk/client/client.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { audit } from "./audit.ts";
import { CrashServer } from "./crash-server.ts";
import { Load } from "./load.ts";
import { CRASH_WORKFLOWS } from "./workflows.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const STOPS = 3;
const IN_FLIGHT = 80;

/** Runs that must end between two stops. */
const PROGRESS = 100;

it("I6: stopped in order under load, it ends in time, settles what workers hold, and goes on where it was", async () => {
  await using folder = await tempFolder();
  const place = { folder: join(folder.path, "data"), port: await freePort() };
  const address = `127.0.0.1:${place.port}`;
  const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };
  await using processes = new AsyncDisposableStack();
  const startServer = async (): Promise<CrashServer> => processes.use(await CrashServer.start(place));
  let server = await startServer();
  const worker = processes.use(await startNode(WORKER, [address, logs.workerLog]));
  await server.ready();
  const client = createClient({ address, timeoutMs: 30_000 });
  for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
  await worker.waitForLine(/is connected/);
  const load = new Load({ client, prng: new Prng(1), log: logs.clientLog, inFlight: IN_FLIGHT });

  const stopsMs: number[] = [];
  const errors: string[] = [];
  for (let stop = 0; stop < STOPS; stop++) {
    await server.ready();
    await load.endedMore(PROGRESS);
    const startMs = performance.now();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    stopsMs.push(Math.round(performance.now() - startMs));
    errors.push(...server.errors);
    server = await startServer();
  }
  await server.ready();
  await load.endedMore(PROGRESS);
  await load.finish();
  const found = await server.alive(audit({ client, ...logs }));
  client.close();
  errors.push(...server.errors);
  console.log(`Stopped in ${stopsMs.join(", ")} ms; ${found.runs} runs, ${found.executions} executions.`);
  expect(errors).toEqual([]);
  expect(load.refusals).toEqual([]);
  expect(found.findings).toEqual([]);
  // Every attempt was made once: its result came before the end, or it was never given out.
  expect({ repeated: found.repeated, lost: found.lost }).toEqual({ repeated: 0, lost: 0 });
});
