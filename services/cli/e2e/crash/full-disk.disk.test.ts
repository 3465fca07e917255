import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import { MillraceError } from "@millrace/sdk/client/millrace-error.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, it } from "vitest";
import { audit } from "./audit.ts";
import { CrashServer } from "./crash-server.ts";
import { Load } from "./load.ts";
import { SmallDisk } from "./small-disk.ts";
import { CRASH_WORKFLOWS, LARGE_CHARACTERS } from "./workflows.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

/** Room for the journal's segments, a store, and the 64 MiB that a store leaves free. */
const DISK_MEBIBYTES = 256;
const IN_FLIGHT = 80;
const PROGRESS = 50;

/** What another tenant tries to start meanwhile. */
const PROBE = "name: probe\nsteps:\n  greet: { uses: transform, with: { hello: world } }\n";

it("I6, I9: a full disk stops intake with a clear error; with room again everything goes on by itself", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "disk");
  await mkdir(path);
  await using disk = await SmallDisk.mount(path, DISK_MEBIBYTES);
  const place = { folder: join(path, "data"), port: await freePort(), disk };
  const address = `127.0.0.1:${place.port}`;
  const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };
  await using processes = new AsyncDisposableStack();
  const startServer = async (): Promise<CrashServer> => processes.use(await CrashServer.start(place));
  const first = await startServer();
  const worker = processes.use(await startNode(WORKER, [address, logs.workerLog]));
  await first.ready();
  const client = createClient({ address, timeoutMs: 30_000 });
  for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
  await worker.waitForLine(/is connected/);
  // Runs whose results become blobs find no room before the journal does. They would wait for it, soon be all that is in
  // flight, and leave nobody to fill the journal.
  const workflows = CRASH_WORKFLOWS.filter(({ name }) => name !== "crash-large");
  const load = new Load({ client, prng: new Prng(1), log: logs.clientLog, inFlight: IN_FLIGHT, workflows });

  const probe = createClient({ address, tenant: "probe", timeoutMs: 1000 });
  await probe.registerWorkflow(PROBE);

  await load.endedMore(PROGRESS);
  await disk.fill();
  await first.alive(refused(probe));
  await readsGoOn(client);
  await disk.makeRoom();
  await first.alive(load.endedMore(PROGRESS));

  // Killed on a full disk, it starts on one, and says the same.
  await disk.fill();
  await first.alive(refused(probe));
  await first.kill();
  const second = await startServer();
  await second.ready();
  await second.alive(refused(probe));
  await readsGoOn(client);
  await disk.makeRoom();
  await second.alive(load.endedMore(PROGRESS));
  await load.finish();
  const found = await second.alive(audit({ client, ...logs }));
  client.close();
  probe.close();
  console.log(`${found.runs} runs, ${load.refusals.length} refusals, ${found.results} results recorded.`);
  expect(found.findings).toEqual([]);
  expect(load.refusals.filter(({ reason }) => reason !== "DISK_FULL")).toEqual([]);
  const errors = [...first.errors, ...second.errors].filter((line) => !/ended full|"code":"full"/.test(line));
  expect(errors).toEqual([]);
});

/** Resolves when starts are refused, small and large ones, with all that a caller needs. */
async function refused(probe: Client): Promise<void> {
  // A large input goes to the disk before its run does.
  for (const input of ["small", "large ".padEnd(LARGE_CHARACTERS, ".")]) {
    const error = await waitUntil("a start is refused", () =>
      probe.startRun({ workflow: "probe", input }).then(
        () => undefined,
        // Without a reason no server answered: the connection is not back yet from a restart.
        (thrown: unknown) => (thrown instanceof MillraceError && thrown.reason === "" ? undefined : thrown),
      ),
    );
    expect(error).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      reason: "DISK_FULL",
      fix: expect.stringMatching(/room/),
      retryDelayMs: expect.toSatisfy((delayMs: number) => delayMs > 0),
    });
  }
}

/** What is durable can be read. */
async function readsGoOn(client: Client): Promise<void> {
  const newest = await client.listRuns({ pageSize: 10 }).next();
  expect(newest.value).toMatchObject({ tenant: "default" });
  if (newest.done === true) return;
  const { runId } = newest.value;
  expect(await client.getTimeline(runId)).toMatchObject({ run: { runId } });
}
