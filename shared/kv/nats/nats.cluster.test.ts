import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import { jetStreamRequest } from "@millrace/nats/jetstream.ts";
import { NatsProblem } from "@millrace/nats/problem.ts";
import { batchOfAny } from "@millrace/nats/stored.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { Kvm } from "@nats-io/kv";
import { describe, expect, test } from "vitest";
import { type KvPlace, kvConformance } from "../conformance.ts";
import type { Kv, KvEntry, KvOutcome } from "../kv.ts";
import { bucketConfig } from "./bucket.ts";
import { openNatsKv } from "./nats-kv.ts";

const STREAM = "KV_test-cluster";

interface Connected extends AsyncDisposable {
  readonly client: NatsClient;
  readonly kv: Kv;
}

async function connect(servers: readonly string[], replicas: 1 | 3 = 1): Promise<Connected> {
  const client = await connectNats({ servers, name: "test", prefix: "test", login: null, tls: null });
  const kv = await openNatsKv(client, replicas);
  const dispose = async (): Promise<void> => {
    await kv.close();
    await closeNats(client);
  };
  return { client, kv, [Symbol.asyncDispose]: dispose };
}

/** Handles with connections of their own, to the servers in turn. */
function placeOn(servers: readonly string[], replicas: 1 | 3, shut: () => Promise<void>): KvPlace {
  const all: Connected[] = [];
  return {
    connect: async () => {
      const one = await connect([servers[all.length % servers.length] ?? ""], replicas);
      all.push(one);
      return one.kv;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
      await shut();
    },
  };
}

kvConformance("nats R1", async () => {
  const server = await startNats();
  return placeOn([server.address], 1, () => server[Symbol.asyncDispose]());
});

kvConformance("nats R3", async () => {
  const cluster = await startNatsCluster();
  return placeOn(cluster.addresses, 3, () => cluster[Symbol.asyncDispose]());
});

const bytes = (text: string): Uint8Array => Buffer.from(text);

function revisionOf(outcome: KvOutcome): number {
  expect(outcome).toMatchObject({ type: "put" });
  return outcome.type === "put" ? outcome.revision : Number.NaN;
}

/** What a watch knows now: `key=value`, in order of keys. */
function follow(kv: Kv): () => readonly string[] {
  const known = new Map<string, KvEntry>();
  kv.watch("", (entry) => known.set(entry.key, entry));
  return () =>
    [...known.values()]
      .filter(({ value }) => value !== null)
      .map(({ key, value }) => `${key}=${Buffer.from(value ?? []).toString()}`)
      .toSorted();
}

describe("the nats kv", () => {
  test("does not know what became of a write when its server is killed, and watches go on with the next one", async () => {
    await using server = await startNats();
    await using alice = await connect([server.address]);
    await using bob = await connect([server.address]);
    const known = follow(bob.kv);
    const first = revisionOf(await alice.kv.put("k", bytes("1"), 0));
    await waitUntil("bob to hear of the first", () => known().includes("k=1"));
    server.freeze();
    const unknown = alice.kv.put("k", bytes("2"), first);
    await server.kill();
    expect(await unknown).toMatchObject({ type: "unknown" });
    expect(await alice.kv.put("k", bytes("3"), first)).toMatchObject({ type: "unknown" });
    await expect(alice.kv.get("k")).rejects.toThrow("k cannot be read");
    await server.start();
    const entry = await waitUntil("alice to be back", () => alice.kv.get("k").catch(() => undefined));
    revisionOf(await alice.kv.put("k", bytes("4"), entry.revision));
    await waitUntil("bob to hear of the last", () => known().includes("k=4"));
    expect(known()).toEqual(["k=4"]);
  });

  test("tells watches what they missed while they were cut off, ends of keys too", async () => {
    await using server = await startNats();
    await using other = await startNats();
    await using alice = await connect([server.address]);
    await using bob = await connect([server.address]);
    const known = follow(bob.kv);
    const first = revisionOf(await alice.kv.put("goes", bytes("1"), 0));
    revisionOf(await alice.kv.put("stays", bytes("1"), 0));
    await waitUntil("bob to hear of both", () => known().length === 2);
    // To a server that has no bucket.
    bob.client.connection.setServers([other.address]);
    await bob.client.connection.reconnect();
    await waitUntil("bob to be elsewhere", () => bob.client.connection.getServer() === other.address);
    revisionOf(await alice.kv.delete("goes", first));
    revisionOf(await alice.kv.put("new", bytes("1"), 0));
    bob.client.connection.setServers([server.address]);
    await bob.client.connection.reconnect();
    await waitUntil("bob to hear of all", () => known().includes("new=1") && !known().includes("goes=1"));
    expect(known()).toEqual(["new=1", "stays=1"]);
  });

  test("needs nobody to repeat news: watches look for themselves", async () => {
    await using server = await startNats();
    await using alice = await connect([server.address]);
    await using bob = await connect([server.address]);
    const { republish: _, ...config } = bucketConfig(alice.client.names, 1);
    await jetStreamRequest(alice.client.connection, `STREAM.UPDATE.${STREAM}`, config);
    const known = follow(bob.kv);
    revisionOf(await alice.kv.put("k", bytes("1"), 0));
    await waitUntil("bob to find it", () => known().length > 0);
    expect(known()).toEqual(["k=1"]);
  });

  test("is a bucket like any other to NATS's own tools", async () => {
    await using server = await startNats();
    await using alice = await connect([server.address]);
    const known = follow(alice.kv);
    const bucket = await new Kvm(alice.client.connection).open("test-cluster");
    const first = revisionOf(await alice.kv.put("a.b", bytes("ours"), 0));
    expect((await bucket.get("a.b"))?.string()).toBe("ours");
    const theirs = await bucket.update("a.b", "theirs", first);
    await waitUntil("the watch to hear of theirs", () => known().includes("a.b=theirs"));
    expect(await alice.kv.get("a.b")).toMatchObject({ revision: theirs });
    await bucket.purge("a.b");
    await waitUntil("the watch to hear of its end", () => known().length === 0);
    revisionOf(await alice.kv.put("a.b", bytes("again"), 0));
    const last = await bucket.get("a.b");
    expect(last?.string()).toBe("again");
    revisionOf(await alice.kv.delete("a.b", last?.revision ?? 0));
    expect((await bucket.get("a.b"))?.operation).toBe("DEL");
  });

  test("over a connection that was closed is out of reach, and throws nothing", async () => {
    await using server = await startNats();
    const { client, kv } = await connect([server.address]);
    await closeNats(client);
    kv.watch("", () => {})();
    kv.watch("", () => {});
    expect(await kv.put("k", bytes("1"), 0)).toMatchObject({ type: "unknown" });
    await expect(kv.get("k")).rejects.toThrow("k cannot be read");
    await expect(
      batchOfAny(client, { stream: STREAM, subject: ">", from: 1, messagesMax: 1, bytesMax: 1 }),
    ).rejects.toThrow("closed connection");
  });

  test("refuses a bucket that could lose keys, and says what is wrong with it", async () => {
    await using server = await startNats();
    const client = await connectNats({
      servers: [server.address],
      name: "test",
      prefix: "test",
      login: null,
      tls: null,
    });
    const config = { name: STREAM, subjects: ["$KV.test-cluster.>"], storage: "memory", max_age: 60e9 };
    await jetStreamRequest(client.connection, `STREAM.CREATE.${STREAM}`, config);
    const refused = await openNatsKv(client, 1).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NatsProblem);
    expect(String(refused)).toMatch(/storage is "memory", not "file"; .*max_age is 60000000000, not 0/);
    await closeNats(client);
  });

  test("refuses to keep three replicas on one server, and says how to", async () => {
    await using server = await startNats();
    const client = await connectNats({
      servers: [server.address],
      name: "test",
      prefix: "test",
      login: null,
      tls: null,
    });
    const refused = await openNatsKv(client, 3).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NatsProblem);
    expect(String(refused)).toMatch(/needs 3 NATS servers.*\(10074\).*nats\.replicas to 1/);
    await closeNats(client);
  });

  test("gets more replicas when it is opened with more, and never fewer", async () => {
    await using cluster = await startNatsCluster();
    const replicas = async ({ client }: Connected): Promise<number> =>
      Number(
        /"num_replicas":(\d)/.exec(
          JSON.stringify(await jetStreamRequest(client.connection, `STREAM.INFO.${STREAM}`)),
        )?.[1],
      );
    await using first = await connect(cluster.addresses, 1);
    expect(await replicas(first)).toBe(1);
    await using second = await connect(cluster.addresses, 3);
    expect(await replicas(second)).toBe(3);
    await using third = await connect(cluster.addresses, 1);
    expect(await replicas(third)).toBe(3);
  });
});

describe("three servers", () => {
  test("make one bucket for all who start at once", async () => {
    await using cluster = await startNatsCluster();
    await using stack = new AsyncDisposableStack();
    const starting = [...cluster.addresses, ...cluster.addresses].map((address) => connect([address], 3));
    const all = await Promise.all(starting);
    for (const one of all) stack.use(one);
    const outcomes = await Promise.all(all.map(({ kv }) => kv.put("k", bytes("1"), 0)));
    expect(outcomes.filter(({ type }) => type === "put")).toHaveLength(1);
  });

  test("lose nothing that was put, whichever of them is killed, and watches hear of it from another", async () => {
    await using cluster = await startNatsCluster();
    await using alice = await connect(cluster.addresses, 3);
    await using bob = await connect(cluster.addresses, 3);
    const known = follow(bob.kv);
    let revision = 0;
    for (let round = 0; round < 3; round++) {
      const server = cluster.servers[round];
      await server?.kill();
      revision = await waitUntil("a write to get through", async () => {
        const outcome = await alice.kv.put("k", bytes(String(round)), revision);
        if (outcome.type === "put") return outcome.revision;
        revision = (await alice.kv.get("k").catch(() => undefined))?.revision ?? revision;
        return undefined;
      });
      await waitUntil("bob to hear of it", () => known().includes(`k=${round}`));
      await server?.start();
      await cluster.streamReady(STREAM);
    }
    expect(await alice.kv.get("k")).toMatchObject({ value: bytes("2") });
  });
});
