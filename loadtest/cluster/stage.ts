// Everything that the story needs before the callers come:
//
//   callers ────────────► gateway of node-1 ─┐
//                                            ├─► shards on node-1, node-2, node-3 ──► three NATS servers
//   the examples' worker ► gateway of node-2 ─┘
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeDisk } from "@millrace/journal/file/node-disk.ts";
import { JournalLocked } from "@millrace/journal/journal.ts";
import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { ClusterNode } from "./cluster-node.ts";
import { foundRuns } from "./found-runs.ts";
import { Leash } from "./leash.ts";
import { startNats, stopNats } from "./nats.ts";
import type { MemberPorts } from "./ports.ts";
import type { Screen } from "./screen.ts";
import { stopGently } from "./stop-gently.ts";

/** Two a node: enough to see them move. */
export const SHARDS = 6;

/** The node that will be killed: the one that the worker is connected to. */
const VICTIM = 1;

/** A call may be made while its shard moves. */
const CALL_MS = 30_000;

const EXAMPLE = "examples/03-trial-reminder/workflow.yaml";
const WORKER = "examples/worker.ts";

export interface StageOptions {
  /** Where everything is kept. */
  readonly folder: string;
  readonly ports: readonly MemberPorts[];
  readonly screen: Screen;
}

export interface Stage {
  readonly nodes: readonly ClusterNode[];
  readonly victim: ClusterNode;
  readonly client: Client;
  readonly screen: Screen;
}

/** Starts it; `endings` end it again, also what was started before something failed. */
export async function raise({ folder, ports, screen }: StageOptions, endings: AsyncDisposableStack): Promise<Stage> {
  endings.defer(await lock(folder));
  const leash = new Leash();
  screen.say("A cluster starts: three NATS servers, then three nodes …");
  const nats = await startNats(folder, ports, leash);
  endings.defer(() => stopNats(nats, leash));
  screen.done("nats", `${nats.addresses.join(", ")}; two of the three sync each record before it is acked`);
  const nodes = ports.map(({ grpc, http }, ordinal) => {
    const place = { name: `node-${ordinal + 1}`, folder, nats: nats.addresses, shards: SHARDS };
    return new ClusterNode(leash, { ...place, grpcPort: grpc, httpPort: http });
  });
  const victim = nodes[VICTIM];
  if (victim === undefined) throw new Error("There are ports for too few nodes.");
  endings.defer(async () => {
    // One after the other: a node that leaves waits for others to take over what it has, while there are any.
    for (const node of nodes) await node.stop();
  });
  await Promise.all(nodes.map((node) => node.start()));
  screen.done("nodes", nodes.map(({ name, grpcAddress }) => `${name} on ${grpcAddress}`).join(", "));
  const client = createClient({ address: addressOf(nodes), timeoutMs: CALL_MS });
  endings.defer(() => client.close());
  screen.done("data", `in ${folder}: ${await foundRuns(client)}`);
  await client.registerWorkflow(await readFile(join(ROOT, EXAMPLE), "utf8"));
  const address = addressOf([victim, ...nodes.filter((node) => node !== victim)]);
  const worker = await leash.start(join(ROOT, WORKER), [], { MILLRACE_ADDRESS: address });
  endings.defer(() => stopGently(worker));
  await worker.waitForLine(/worker serves/);
  screen.done("worker", `the examples', connected to ${victim.name}`);
  return { nodes, victim, client, screen };
}

/** Nothing keeps a second NATS server off the first one's files but this. */
async function lock(folder: string): Promise<() => Promise<void>> {
  const disk = nodeDisk(folder);
  try {
    await disk.lock();
  } catch (error: unknown) {
    if (!(error instanceof JournalLocked)) throw error;
    throw new Error(
      `The data in ${folder} is in use: another make cluster is running. Stop it, or give --data <folder>.`,
      { cause: error },
    );
  }
  return () => disk.unlock();
}

/** Where to connect to: the first that answers. */
function addressOf(nodes: readonly ClusterNode[]): string {
  return `ipv4:${nodes.map(({ grpcAddress }) => grpcAddress).join(",")}`;
}
