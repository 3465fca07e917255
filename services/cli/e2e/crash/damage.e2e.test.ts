import { randomBytes } from "node:crypto";
import { open, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { createClient } from "@millrace/sdk/client/client.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { startNode } from "@millrace/testing/process.ts";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { type Audit, audit } from "./audit.ts";
import { CrashServer, type ServerPlace } from "./crash-server.ts";
import { Load } from "./load.ts";
import { CRASH_WORKFLOWS } from "./workflows.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const RUNS = 60;
const FAILED = { code: 1, signal: null };

/** A data folder that a server worked on until it was killed; no checkpoint was due before. */
interface Worked extends AsyncDisposable {
  readonly place: ServerPlace;
  readonly journal: string;
  readonly store: string;
  /** Holds what a server says of the runs against the logs. */
  audit(): Promise<Audit>;
}

async function worked(folder: TempFolder): Promise<Worked> {
  const data = join(folder.path, "data");
  const place = { folder: data, port: await freePort() };
  const address = `127.0.0.1:${place.port}`;
  const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };
  await using server = await CrashServer.start(place);
  await using worker = await startNode(WORKER, [address, logs.workerLog]);
  await server.ready();
  const client = createClient({ address });
  for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
  await worker.waitForLine(/is connected/);
  const load = new Load({ client, prng: new Prng(1), log: logs.clientLog, inFlight: 20 });
  await load.endedMore(RUNS);
  await load.finish();
  return {
    place,
    journal: join(data, "shards", "0", "journal"),
    store: join(data, "shards", "0", "store"),
    audit: () => audit({ client, ...logs }),
    [Symbol.asyncDispose]: () => {
      client.close();
      return Promise.resolve();
    },
  };
}

/** Starts a server that cannot start, twice; resolves with what the second one said. */
async function refuses(place: ServerPlace): Promise<string> {
  for (let start = 1; ; start++) {
    await using server = await CrashServer.start(place);
    expect(await server.exited()).toEqual(FAILED);
    if (start === 2) return server.said;
  }
}

it("I2: a second server on a data folder refuses to start and disturbs nobody", async () => {
  await using folder = await tempFolder();
  const place = { folder: join(folder.path, "data"), port: await freePort() };
  await using first = await CrashServer.start(place);
  await first.ready();
  const said = await refuses({ ...place, port: 0 });
  expect(said).toMatch(/is in use by another process: another Millrace is running\. Stop it, or use another folder/);
  const client = createClient({ address: `127.0.0.1:${place.port}` });
  const source = "name: greet\nsteps:\n  greet: { uses: transform, with: { hello: '${input}' } }\n";
  await client.registerWorkflow(source);
  expect((await client.runToEnd({ workflow: "greet", input: "you" })).output).toEqual({ greet: { hello: "you" } });
  client.close();
  expect(await first.stop()).toEqual({ code: 0, signal: null });
});

it.each([
  ["cut short", async (file: string) => truncate(file, Math.floor((await stat(file)).size / 3))],
  ["overwritten with something else", (file: string) => writeFile(file, randomBytes(100_000))],
])("I5: a store that was %s is set aside and built anew from a journal that holds everything", async (_how, damage) => {
  await using folder = await tempFolder();
  await using runs = await worked(folder);
  await damage(join(runs.store, "main.mdb"));
  await using server = await CrashServer.start(runs.place);
  await server.ready();
  expect(server.errors).toEqual([expect.stringContaining("A damaged store was set aside")]);
  expect((await runs.audit()).findings).toEqual([]);
  const aside = (await readdir(join(runs.store, ".."))).filter((name) => name.startsWith("store.damaged-"));
  expect(aside).toHaveLength(1);
});

it("I6: a damaged store is refused and left alone when the journal does not reach back", async () => {
  await using folder = await tempFolder();
  await using runs = await worked(folder);
  const file = join(runs.store, "main.mdb");
  await truncate(file, 5000);
  for (const name of await readdir(runs.journal)) if (name.endsWith(".seg")) await rm(join(runs.journal, name));
  const said = await refuses(runs.place);
  expect(said).toMatch(/store .* is damaged .* no longer reaches back .* put a backup of the whole data folder/);
  expect((await stat(file)).size).toBe(5000);
});

it("I6: a journal that is wrong before its end is refused and left alone", async () => {
  await using folder = await tempFolder();
  await using runs = await worked(folder);
  const [segment = ""] = (await readdir(runs.journal)).filter((name) => name.endsWith(".seg")).toSorted();
  const file = await open(join(runs.journal, segment), "r+");
  await file.write(randomBytes(64), 0, 64, 20_000);
  await file.close();
  const said = await refuses(runs.place);
  expect(said).toMatch(/journal .* is damaged: .* later records follow it\. .* put a backup of the whole data folder/);
});

it("I6: a journal that lost its records is refused while the store remembers them", async () => {
  await using folder = await tempFolder();
  await using runs = await worked(folder);
  // A stop in order writes a checkpoint.
  await using server = await CrashServer.start(runs.place);
  await server.ready();
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  await rm(runs.journal, { recursive: true });
  const said = await refuses(runs.place);
  expect(said).toMatch(/do not belong together: .* put a backup of the whole data folder/);
});
