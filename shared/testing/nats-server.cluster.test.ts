// The harness itself: what other tests trust to have happened has happened.
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { describe, expect, test } from "vitest";
import { startNatsCluster } from "./nats-cluster.ts";
import { type NatsServer, startNats } from "./nats-server.ts";
import { waitUntil } from "./wait-until.ts";

/** Asks by NATS's own text protocol, so that the harness needs no client. Rejects when nobody listens. */
async function ask(server: NatsServer, subject: string, payload = ""): Promise<unknown> {
  const [host, port] = server.address.split(":");
  const socket = connect(Number(port), host);
  try {
    socket.write(`CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB answers 1\r\n`);
    socket.write(`PUB ${subject} answers ${payload.length}\r\n${payload}\r\n`);
    let isNext = false;
    for await (const line of createInterface({ input: socket })) {
      if (line.startsWith("HMSG")) throw new Error(`Nobody listens on ${subject}.`);
      if (isNext) return JSON.parse(line);
      isNext = line.startsWith("MSG");
    }
    throw new Error("The server closed the connection.");
  } finally {
    socket.destroy();
  }
}

/** A server hears of who listens, by its routes or from its own stream, a moment after it leads or is back. */
async function askOnceHeard(server: NatsServer, payload: string): Promise<unknown> {
  return await waitUntil(`${server.name} to know who listens`, () => ask(server, "kept", payload).catch(() => false));
}

function createStream(server: NatsServer, replicas: number): Promise<unknown> {
  const stream = { name: "KEPT", subjects: ["kept"], storage: "file", num_replicas: replicas };
  return ask(server, "$JS.API.STREAM.CREATE.KEPT", JSON.stringify(stream));
}

describe("one server", () => {
  test("keeps what it acked when it is killed, and listens where it did", async () => {
    await using server = await startNats();
    expect(await createStream(server, 1)).toHaveProperty("did_create", true);
    expect(await ask(server, "kept", "one")).toEqual({ stream: "KEPT", seq: 1 });
    await server.kill();
    expect(await server.monitor("healthz")).toBeUndefined();
    await expect(ask(server, "kept", "two")).rejects.toThrow();
    await server.start();
    expect(await ask(server, "kept", "two")).toEqual({ stream: "KEPT", seq: 2 });
    expect(await readdir(server.blocksFolder("KEPT"))).toContain("1.blk");
    await server.restart();
    expect(await ask(server, "kept", "three")).toEqual({ stream: "KEPT", seq: 3 });
  });

  test("syncs before it acks, unless told otherwise, and takes configuration of the test's own", async () => {
    await using careful = await startNats();
    expect(await careful.monitor("jsz")).toMatchObject({ config: { sync_always: true } });
    await using plain = await startNats({ syncInterval: "10s", config: 'server_tags: ["plain"]' });
    const jetstream = await plain.monitor("jsz");
    expect(jetstream).toMatchObject({ config: { sync_interval: 10e9 } });
    expect(jetstream).not.toHaveProperty("config.sync_always");
    expect(await plain.monitor("varz")).toMatchObject({ tags: ["plain"] });
  });

  test("answers nobody while it is frozen, and everybody afterwards", async () => {
    await using server = await startNats();
    await createStream(server, 1);
    server.freeze();
    let isAnswered = false;
    const answer = ask(server, "kept", "one").then((ack) => {
      isAnswered = true;
      return ack;
    });
    expect(await server.monitor("healthz")).toBeUndefined();
    expect(isAnswered).toBe(false);
    server.thaw();
    expect(await answer).toEqual({ stream: "KEPT", seq: 1 });
    server.freeze();
    await server.stop();
    expect(server.isRunning).toBe(false);
  });

  test("that cannot start says what the server printed", async () => {
    await expect(startNats({ config: "no_such_setting: true" })).rejects.toThrow(
      /exited.*\n(?:.*\n)*.*no_such_setting/,
    );
  });
});

test("three servers are one cluster that outlives its leader", async () => {
  await using cluster = await startNatsCluster();
  const [first] = cluster.servers;
  expect(cluster.addresses).toHaveLength(3);
  expect(await createStream(first ?? (await cluster.leader("KEPT")), 3)).toHaveProperty("did_create", true);
  await cluster.streamReady("KEPT");
  const leader = await cluster.leader("KEPT");
  const [follower] = await cluster.followers("KEPT");
  expect(follower).toBeDefined();
  expect(await askOnceHeard(leader, "one")).toEqual({ stream: "KEPT", seq: 1 });
  await leader.kill();
  const next = await cluster.leader("KEPT");
  expect(next.name).not.toBe(leader.name);
  expect(await askOnceHeard(next, "two")).toEqual({ stream: "KEPT", seq: 2 });
  await cluster.start();
  await cluster.streamReady("KEPT");
  expect(await askOnceHeard(leader, "three")).toEqual({ stream: "KEPT", seq: 3 });
});
