// A whole cluster of real processes under load, while its parts die: nothing acked is lost, and all goes on.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { createClient } from "@millrace/sdk/client/client.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { audit } from "../crash/audit.ts";
import { Load } from "../crash/load.ts";
import { CRASH_WORKFLOWS } from "../crash/workflows.ts";
import { ClusterProcess } from "./cluster-process.ts";

const WORKER = fileURLToPath(new URL("../crash/worker.ts", import.meta.url));
const IN_FLIGHT = 40;
/** Runs that must end between two kills. */
const PROGRESS = 40;
const SEED = 20_261_125;

/** What dies, in turn: a process of Millrace, or a NATS server. */
const DEATHS = ["process", "process", "server", "process", "process"] as const;

it("I1, I2, I3, I4, I6: killed by −9 one after the other, processes and servers of a cluster lose no acked run", async () => {
  const prng = new Prng(SEED);
  await using folder = await tempFolder();
  await using nats = await startNatsCluster({ syncInterval: "always" });
  const place = { folder: folder.path, nats: nats.addresses, replicas: 3, shards: 6 } as const;
  await using processes = new AsyncDisposableStack();
  const nodes = await Promise.all(
    ["one", "two", "three"].map(async (name) => processes.use(await ClusterProcess.at(place, name))),
  );
  await Promise.all(nodes.map((node) => node.start()));
  const address = `ipv4:${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
  const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };
  for (let workers = 0; workers < 2; workers++) {
    const worker = processes.use(await startNode(WORKER, [address, logs.workerLog]));
    await worker.waitForLine(/is connected/);
  }
  const client = createClient({ address, timeoutMs: 30_000 });
  for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
  const load = new Load({ client, prng: prng.fork(), log: logs.clientLog, inFlight: IN_FLIGHT });

  for (const [turn, dies] of DEATHS.entries()) {
    await load.endedMore(PROGRESS);
    const node = nodes[turn % nodes.length];
    const server = nats.servers[turn % nats.servers.length];
    if (dies === "process") {
      await node?.kill();
      await load.endedMore(PROGRESS);
      await node?.start();
    } else {
      await server?.kill();
      await load.endedMore(PROGRESS);
      await nats.start();
    }
  }
  await load.endedMore(PROGRESS);
  await load.finish();
  const found = await audit({ client, ...logs });
  client.close();
  console.log(`${DEATHS.length} deaths, ${found.runs} runs, ${found.executions} executions, ${found.lost} lost.`);
  expect(found.findings).toEqual([]);
  expect(found.runs).toBe(load.ended);
});
