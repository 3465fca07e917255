import { join } from "node:path";
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { position } from "@millrace/model/ids.ts";
import { field } from "@millrace/nats/answer.ts";
import { closeNats, type NatsClient } from "@millrace/nats/connect.ts";
import { jetStreamRequest } from "@millrace/nats/jetstream.ts";
import { NatsProblem } from "@millrace/nats/problem.ts";
import { streamInfo } from "@millrace/nats/streams.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { startNode } from "@millrace/testing/process.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterEach, describe, expect, it } from "vitest";
import { type AppendOutcome, JournalDamaged, type JournalRecord } from "../journal.ts";
import type { Ledger } from "../ledger.ts";
import { ledgerConformance } from "../ledger-conformance.ts";
import { openJetStreamLedger } from "./ledger.ts";
import { publishAnything } from "./testdata/connect.ts";
import { clientOf, ledgerRig } from "./testdata/ledger-conformance-rig.ts";

const STREAM = "TEST_REGISTRY";

ledgerConformance("jetstream R1", async () => {
  const server = await startNats();
  return ledgerRig([server.address], 1, () => server[Symbol.asyncDispose]());
});

ledgerConformance("jetstream R3", async () => {
  const cluster = await startNatsCluster();
  return ledgerRig(cluster.addresses, 3, () => cluster[Symbol.asyncDispose]());
});

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

async function connect(servers: readonly string[]): Promise<NatsClient> {
  const client = await clientOf(servers);
  stack.defer(() => closeNats(client));
  return client;
}

/** A process's view of the ledger: what it visited, in order. */
interface Reader {
  readonly client: NatsClient;
  readonly ledger: Ledger;
  readonly bodies: string[];
}

async function reader(servers: readonly string[], replicas: 1 | 3 = 1, clock: Clock = systemClock): Promise<Reader> {
  const client = await connect(servers);
  const bodies: string[] = [];
  const visit = ({ body, position: at }: JournalRecord): void => {
    bodies.push(Buffer.from(body).toString());
    expect(at).toBe(bodies.length);
  };
  const ledger = await openJetStreamLedger(client, { replicas, clock })(visit);
  stack.defer(() => ledger.close());
  return { client, ledger, bodies };
}

function append({ ledger }: Reader, body: string): Promise<AppendOutcome> {
  return ledger.append(ledger.visited, Buffer.from(body), 0);
}

/** Changes the stream's settings, as somebody with the right to could. */
async function change({ client: { connection } }: Reader, settings: object): Promise<void> {
  const config = field(await streamInfo(connection, STREAM), "config");
  await jetStreamRequest(connection, `STREAM.UPDATE.${STREAM}`, Object.assign({}, config, settings));
}

describe("the jetstream ledger on one server", () => {
  it("visits what others append, announced or not", async () => {
    await using server = await startNats();
    const [alice, bob] = [await reader([server.address]), await reader([server.address])];
    expect(await append(alice, "announced")).toEqual({ type: "appended" });
    await waitUntil("bob to hear of it", () => bob.bodies.includes("announced"));
    await change(alice, { republish: undefined });
    expect(await append(alice, "found")).toEqual({ type: "appended" });
    await waitUntil("bob to find it", () => bob.bodies.includes("found"));
    expect(bob.bodies).toEqual(alice.bodies);
  });

  it("I1, I6: does not know what became of an append when its server is killed, and shows it when it is back", async () => {
    await using server = await startNats();
    const [alice, bob] = [await reader([server.address]), await reader([server.address])];
    expect(await append(alice, "one")).toEqual({ type: "appended" });
    server.freeze();
    const unknown = append(alice, "two");
    await server.kill();
    expect(await unknown).toMatchObject({ type: "unknown" });
    await server.start();
    await alice.ledger.catchUp();
    const known = [...alice.bodies];
    expect(await append(alice, "three")).toEqual({ type: "appended" });
    expect(alice.bodies).toEqual([...known, "three"]);
    await waitUntil("bob to hear of the last", () => bob.bodies.includes("three"));
    expect(bob.bodies).toEqual(alice.bodies);
  });

  it("reads from the leader what no replica sends, the very first record too", async () => {
    await using server = await startNats();
    const [alice, bob] = [await reader([server.address]), await reader([server.address])];
    await change(alice, { allow_direct: false, republish: undefined });
    expect(await append(alice, "one")).toEqual({ type: "appended" });
    await bob.ledger.catchUp();
    expect(bob.bodies).toEqual(["one"]);
  });

  it("reads thousands of records when it is opened, and none after it was closed", async () => {
    await using server = await startNats({ syncInterval: "10s" });
    const alice = await reader([server.address]);
    for (let count = 1; count <= 5_000; count++) await append(alice, String(count));
    const late = await reader([server.address]);
    expect(late.bodies).toEqual(alice.bodies);
    await late.ledger.close();
    await append(alice, "last");
    await late.ledger.catchUp();
    expect(late.bodies).toHaveLength(5_000);
    await expect(append(late, "too late")).rejects.toThrow("closed");
  });

  it("I9: is full when its stream is, and takes more when there is room", async () => {
    await using server = await startNats();
    const alice = await reader([server.address]);
    expect(await append(alice, "one")).toEqual({ type: "appended" });
    await change(alice, { max_bytes: 200 });
    expect(await append(alice, "x".repeat(200))).toEqual({ type: "full" });
    await change(alice, { max_bytes: -1 });
    expect(await append(alice, "two")).toEqual({ type: "appended" });
    expect(alice.bodies).toEqual(["one", "two"]);
  });

  it("throws at a second append while one is under way, and waits for that one before it is closed", async () => {
    await using server = await startNats();
    const alice = await reader([server.address]);
    const first = append(alice, "one");
    await expect(append(alice, "two")).rejects.toThrow("An append is under way");
    await alice.ledger.close();
    expect(await first).toEqual({ type: "appended" });
    const again = await reader([server.address]);
    expect(again.bodies).toEqual(["one"]);
  });

  it("refuses a stream that could lose records, and says what is wrong with it", async () => {
    await using server = await startNats();
    const client = await connect([server.address]);
    const config = { name: STREAM, subjects: ["test.registry"], storage: "memory", max_msgs: 5 };
    await jetStreamRequest(client.connection, `STREAM.CREATE.${STREAM}`, config);
    const refused = await openJetStreamLedger(client, { replicas: 1 })(() => {}).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NatsProblem);
    expect(String(refused)).toMatch(/storage is "memory", not "file"; .*max_msgs is 5, not -1; .*deny_purge/);
  });
});

describe("a damaged jetstream ledger", () => {
  it("I6: behind what is no record takes no more, shows none of it, and says so when it is opened", async () => {
    await using server = await startNats();
    const alice = await reader([server.address]);
    await append(alice, "one");
    await publishAnything(alice.client.connection, "test.registry", { data: "junk" });
    expect(await append(alice, "two")).toEqual({ type: "stale" });
    await expect(alice.ledger.catchUp()).rejects.toThrow(JournalDamaged);
    await expect(reader([server.address])).rejects.toThrow("is no record");
    expect(alice.bodies).toEqual(["one"]);
  });

  it("I6: is told from the one that was read by its chain, and by its end", async () => {
    await using server = await startNats();
    const hasty: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 100 };
    const alice = await reader([server.address], 1, hasty);
    await append(alice, "one");
    await append(alice, "two");
    await jetStreamRequest(alice.client.connection, `STREAM.DELETE.${STREAM}`);
    const bob = await reader([server.address]);
    await append(bob, "another");
    expect(await append(alice, "three")).toEqual({ type: "stale" });
    await expect(alice.ledger.catchUp()).rejects.toThrow("test.registry ends at 1, and 2 was read from it");
    await append(bob, "yet another");
    await expect(alice.ledger.catchUp()).rejects.toThrow(/Record 2 of test.registry has chain/);
    await append(bob, "and another");
    await expect(alice.ledger.catchUp()).rejects.toThrow(/it continues chain/);
    expect(alice.bodies).toEqual(["one", "two"]);
  });
});

describe("a visitor that throws", () => {
  it("I1: keeps the ledger from being opened", async () => {
    await using server = await startNats();
    const alice = await reader([server.address]);
    await append(alice, "bad");
    const opened = openJetStreamLedger(await connect([server.address]), { replicas: 1 })(() => {
      throw new Error("The visitor cannot take this.");
    });
    await expect(opened).rejects.toThrow("The visitor cannot take this.");
  });

  it("I1: ends the process where nobody waits for the record", async () => {
    await using server = await startNats();
    const alice = await reader([server.address]);
    await using other = await startNode(join(import.meta.dirname, "testdata/failing-visitor.ts"), [server.address]);
    await other.waitForLine(/^open$/);
    await append(alice, "good");
    await append(alice, "bad");
    expect((await other.exited).code).toBe(1);
    expect(other.lines.join("\n")).toContain("The visitor cannot take this.");
  });
});

describe("the jetstream ledger on three servers", () => {
  it("I1, I2, I6: loses nothing that was acked, whichever server is killed, and shows all the same", async () => {
    await using cluster = await startNatsCluster();
    const readers = await Promise.all(cluster.addresses.map(() => reader(cluster.addresses, 3)));
    const acked: string[] = [];
    let isOver = false;
    const write = async (at: Reader, name: string): Promise<void> => {
      for (let count = 1; !isOver; count++) {
        const body = `${name} ${count}`;
        const outcome = await append(at, body);
        if (outcome.type === "appended") acked.push(body);
        else await at.ledger.catchUp();
      }
    };
    const writing = readers.map((at, index) => write(at, `writer ${index}`));
    for (const server of cluster.servers) {
      const before = acked.length;
      await waitUntil("some appends", () => acked.length >= before + 20);
      await server.kill();
      const meanwhile = acked.length;
      await waitUntil("appends without the server", () => acked.length >= meanwhile + 20);
      await server.start();
      await cluster.streamReady(STREAM);
    }
    isOver = true;
    await Promise.all(writing);
    for (const { ledger } of readers) await ledger.catchUp();
    const late = await reader(cluster.addresses, 3);
    expect(new Set(late.bodies).size).toBe(late.bodies.length);
    expect(acked.filter((body) => !late.bodies.includes(body))).toEqual([]);
    for (const { bodies } of readers) expect(bodies).toEqual(late.bodies);
  });

  it("is opened while its stream elects a leader", async () => {
    await using cluster = await startNatsCluster();
    const first = await reader(cluster.addresses, 3);
    expect(await append(first, "one")).toEqual({ type: "appended" });
    // By the very server that is about to go: it has to find another one, too.
    const leader = await cluster.leader(STREAM);
    const client = await connect([leader.address]);
    await leader.kill();
    const bodies: string[] = [];
    const ledger = await openJetStreamLedger(client, { replicas: 3 })(({ body }) => bodies.push(String(body)));
    expect(ledger.visited).toBe(position(1));
    await ledger.close();
  });
});
