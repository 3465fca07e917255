import { fileURLToPath } from "node:url";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, test } from "vitest";

const PROGRAM = fileURLToPath(new URL("testdata/nats-process.ts", import.meta.url));
const SHARDS = [0, 1, 2, 3, 4, 5];

/** What a process owns by the newest map that it knows, if all shards have one of so many owners there. */
function owned({ lines }: StartedProcess, owners: number): number[] | undefined {
  const line = lines.findLast((candidate) => candidate.startsWith("map "));
  const match = /owns \[(?<shards>[\d ]*)\] of (?<owners>\d+)$/.exec(line ?? "");
  if (Number(match?.groups?.["owners"]) !== owners) return undefined;
  return (match?.groups?.["shards"] ?? "").split(" ").filter(Boolean).map(Number);
}

/** Waits until the processes own all shards, and know that there are as many owners as they are. */
async function untilShared(processes: readonly StartedProcess[]): Promise<void> {
  await waitUntil("the processes own all shards", () => {
    const all = processes.flatMap((process) => owned(process, processes.length) ?? []);
    return all.toSorted((left, right) => left - right).join() === SHARDS.join();
  });
}

function coordinatorOf(processes: readonly StartedProcess[]): StartedProcess {
  const coordinates = processes.filter(({ lines }) => lines.includes("coordinates"));
  const [coordinator] = coordinates;
  if (coordinator === undefined || coordinates.length > 1)
    throw new Error(`${coordinates.length} processes coordinate.`);
  return coordinator;
}

function startAll(server: NatsServer, names: readonly string[]): Promise<StartedProcess[]> {
  return Promise.all(names.map((name) => startNode(PROGRAM, [name, server.address])));
}

test("over NATS, what a killed process had is taken over, also when it coordinated, and given back in an orderly way", async () => {
  await using server = await startNats();
  const processes = await startAll(server, ["a", "b", "c"]);
  try {
    await untilShared(processes);
    const coordinator = coordinatorOf(processes);
    const follower = processes.find((process) => process !== coordinator);
    expect(await follower?.kill()).toMatchObject({ signal: "SIGKILL" });
    const left = processes.filter((process) => process !== follower);
    await untilShared(left);
    await coordinator.kill();
    const last = left.find((process) => process !== coordinator);
    if (last === undefined) throw new Error("Nobody is left.");
    await untilShared([last]);
    processes.push(await startNode(PROGRAM, ["d", server.address]));
    const newest = processes.at(-1);
    if (newest === undefined) throw new Error("There is no new process.");
    await untilShared([last, newest]);
    expect(await last.kill("SIGTERM")).toMatchObject({ code: 0 });
    await untilShared([newest]);
    for (const { lines } of processes) expect(lines.filter((line) => /^(refused|malformed)/.test(line))).toEqual([]);
  } finally {
    await Promise.all(processes.map((process) => process.kill()));
  }
});

test("over NATS, nothing moves when the server is killed and comes back", async () => {
  await using server = await startNats();
  const processes = await startAll(server, ["a", "b"]);
  try {
    await untilShared(processes);
    const before = processes.map((process) => owned(process, 2));
    await server.kill();
    await Promise.all(processes.map((process) => process.waitForLine(/^cut$/)));
    await server.start();
    await waitUntil("they are connected again", () => {
      return processes.every(({ lines }) => lines.lastIndexOf("connected") > lines.lastIndexOf("cut"));
    });
    // Whoever joins is known to all: by then those who were there have been judged.
    processes.push(await startNode(PROGRAM, ["c", server.address]));
    const added = processes.slice(2);
    await waitUntil("the third one has its share", () =>
      added.every((process) => (owned(process, 3) ?? []).length === 2),
    );
    for (const [index, process] of processes.slice(0, 2).entries())
      expect(before[index]).toEqual(expect.arrayContaining(owned(process, 3) ?? [-1]));
  } finally {
    await Promise.all(processes.map((process) => process.kill()));
  }
});
