// What operators do with a cluster of two real processes, by the commands they do it with.

import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import type { ClusterNode, ClusterShard } from "@millrace/sdk/client/cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, it } from "vitest";
import { type Finished, millrace } from "../served-millrace.ts";
import { ClusterProcess } from "./cluster-process.ts";

const SHARDS = 4;
/** Runs on their way at a time, at each gateway. */
const IN_FLIGHT = 10;
/** Runs that must end after the drain, to see that all goes on. */
const PROGRESS = 100;

const WORKFLOW = `
name: count
steps:
  wait: { uses: sleep, with: { for: 20ms } }
  next: { needs: [wait], uses: transform, with: "\${input + 1}" }
output: "\${steps.next.output}"
`;

/** Keeps runs on their way until it is told to finish. */
class Runs {
  readonly outcomes: string[] = [];
  readonly #lanes: Promise<unknown>;
  #started = 0;
  #isOver = false;

  constructor(clients: readonly Client[]) {
    const lanes = clients.flatMap((client) => Array.from({ length: IN_FLIGHT }, () => this.#lane(client)));
    this.#lanes = Promise.all(lanes);
  }

  async endedMore(more: number): Promise<void> {
    const ended = this.outcomes.length + more;
    await waitUntil(`${more} more runs to end`, () => this.outcomes.length >= ended);
  }

  async finish(): Promise<void> {
    this.#isOver = true;
    await this.#lanes;
  }

  async #lane(client: Client): Promise<void> {
    while (!this.#isOver) {
      const input = this.#started++;
      const end = await client.runToEnd({ workflow: "count", input }, { timeoutMs: 60_000 });
      this.outcomes.push(end.output === input + 1 ? end.status : `${end.status} with ${JSON.stringify(end.output)}`);
    }
  }
}

function namesOf(shards: readonly ClusterShard[], role: "owner" | "standby"): string[] {
  return [...new Set(shards.map((shard) => shard[role]?.name ?? "nobody"))].toSorted();
}

function isSettled(shards: readonly ClusterShard[]): boolean {
  const isReady = ({ owner, standby }: ClusterShard): boolean => owner?.state === "ready" && standby?.state === "ready";
  return shards.length === SHARDS && shards.every(isReady) && namesOf(shards, "owner").length === 2;
}

it("a cluster is seen, drained while all runs complete, undrained, and copied", async () => {
  await using folder = await tempFolder();
  await using nats = await startNats();
  const place = { folder: folder.path, nats: [nats.address], replicas: 1, shards: SHARDS } as const;
  await using one = await ClusterProcess.at(place, "one");
  await using two = await ClusterProcess.at(place, "two");
  await Promise.all([one.start(), two.start()]);
  const clients = [one, two].map(({ port }) => createClient({ address: `127.0.0.1:${port}`, timeoutMs: 30_000 }));
  const [client] = clients;
  if (client === undefined) throw new Error("There are two clients.");
  const { cluster } = client;
  const run = (...args: readonly string[]): Promise<Finished> =>
    millrace(["cluster", ...args], { MILLRACE_ADDRESS: `127.0.0.1:${one.port}` });
  const node = async (name: string): Promise<ClusterNode | undefined> =>
    (await cluster.listNodes()).find((each) => each.name === name);
  const settled = async (): Promise<boolean> => isSettled(await cluster.listShards());

  await waitUntil("both to own shards, each with a standby", settled);
  expect((await run("status")).text).toMatch(/^clustered\t(?:one|two)-\S{8}\t\d+\t1\t2\t0\t4\t4\t4\t$/);
  const nodes = (await run("nodes")).text.split("\n");
  expect(nodes.map((line) => line.split("\t").slice(0, 4))).toEqual([
    ["one", "live", "", "node,gateway,connectors"],
    ["two", "live", "", "node,gateway,connectors"],
  ]);
  const owners = (await run("shards")).text.split("\n").map((line) => line.split("\t")[5]?.slice(0, 3));
  expect(owners.length).toBe(SHARDS);
  expect(new Set(owners)).toEqual(new Set(["one", "two"]));

  await client.registerWorkflow(WORKFLOW);
  const runs = new Runs(clients);
  await runs.endedMore(PROGRESS);
  const drained = await run("drain", "two");
  expect(drained).toEqual({ code: 0, text: expect.stringMatching(/^(?:two\tdraining\t\d\t\d\n)*two\tdrained$/) });
  expect(await node("two")).toMatchObject({ draining: true, ownedShards: 0, standbyShards: 0, wantedShards: 0 });
  expect(namesOf(await cluster.listShards(), "owner")).toEqual(["one"]);
  await runs.endedMore(PROGRESS);

  expect(await run("undrain", "two")).toEqual({ code: 0, text: "two\tworking" });
  await waitUntil("both to own shards again", settled);
  await runs.endedMore(PROGRESS);
  await runs.finish();
  expect(new Set(runs.outcomes)).toEqual(new Set(["completed"]));

  const { code, text } = await run("snapshot", "0");
  expect(code, text).toBe(0);
  expect(text).toMatch(/^0\t[1-9]\d*\t(?:one|two)-\S{8}$/);
  expect(await run("drain", "three")).toEqual({ code: 3, text: expect.stringContaining("NODE_NOT_FOUND") });

  expect(await run("drain", "two", "--no-wait")).toEqual({ code: 0, text: "two\tdraining" });
  expect(await run("drain", "one")).toEqual({ code: 1, text: expect.stringContaining("keeps its shards") });
  for (const each of clients) each.close();
});
