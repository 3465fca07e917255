import { fileURLToPath } from "node:url";
import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { startNode } from "@millrace/testing/process.ts";
import { describe, expect, test } from "vitest";
import { type Bus, BusCut, MESSAGE_BYTES_MAX } from "../bus.ts";
import { type BusPlace, busConformance } from "../conformance.ts";
import { openNatsBus } from "./nats-bus.ts";

interface Connected extends AsyncDisposable {
  readonly client: NatsClient;
  readonly bus: Bus;
}

async function connectTo(server: NatsServer): Promise<Connected> {
  const settings = { servers: [server.address], name: "test", prefix: "test", login: null, tls: null };
  const client = await connectNats(settings);
  const bus = openNatsBus(client);
  const dispose = async (): Promise<void> => {
    await bus.close();
    await closeNats(client);
  };
  return { client, bus, [Symbol.asyncDispose]: dispose };
}

/** Every handle has a connection of its own, to the servers in turn. */
function placeOn(servers: readonly NatsServer[], shut: () => Promise<void>): BusPlace {
  const clients: NatsClient[] = [];
  return {
    connect: async () => {
      const address = servers[clients.length % servers.length]?.address ?? "";
      const client = await connectNats({ servers: [address], name: "test", prefix: "test", login: null, tls: null });
      clients.push(client);
      return openNatsBus(client);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => closeNats(client)));
      await shut();
    },
  };
}

busConformance("nats", async () => {
  const server = await startNats();
  return placeOn([server], () => server[Symbol.asyncDispose]());
});

/** Resolves to the next news of the connection. */
function next(bus: Bus): Promise<boolean> {
  return new Promise((resolve) => {
    const unlisten = bus.onConnection((connected) => {
      unlisten();
      resolve(connected);
    });
  });
}

const bytes = (text: string): Uint8Array => Buffer.from(text);

describe("the nats bus", () => {
  test("says when its server is gone and back, answers at once, and listens again", async () => {
    await using server = await startNats();
    await using alice = await connectTo(server);
    await using bob = await connectTo(server);
    const heard: string[] = [];
    let whenHeard: () => void = () => {};
    bob.bus.subscribe("x", (message) => {
      if (message.type === "message") heard.push(Buffer.from(message.data).toString());
      whenHeard();
    });
    await bob.bus.settled();
    const unanswered = alice.bus.request("x", bytes("unanswered"), 600_000);
    await alice.bus.settled();
    const gone = Promise.all([next(alice.bus), next(bob.bus)]);
    await server.kill();
    expect(await gone).toEqual([false, false]);
    expect(await unanswered).toEqual({ type: "silent" });
    expect(alice.bus.connected).toBe(false);
    await expect(alice.bus.settled()).rejects.toThrow(BusCut);
    alice.bus.publish("x", bytes("lost"));
    const back = Promise.all([next(alice.bus), next(bob.bus)]);
    await server.start();
    expect(await back).toEqual([true, true]);
    await Promise.all([alice.bus.settled(), bob.bus.settled()]);
    const again = new Promise<void>((resolve) => {
      whenHeard = resolve;
    });
    alice.bus.publish("x", bytes("again"));
    await again;
    expect(heard).toEqual(["unanswered", "again"]);
  });

  test("I9: holds no more for a server that stands still than its bound, and goes on when it does", async () => {
    await using server = await startNats();
    await using alice = await connectTo(server);
    const cut = next(alice.bus);
    server.freeze();
    const data = new Uint8Array(MESSAGE_BYTES_MAX);
    const before = alice.client.connection.stats().outBytes;
    // Turn by turn, as it is the turn that writes.
    for (let sent = 0; sent < 300; sent++) {
      alice.bus.publish("x", data);
      await new Promise((resolve) => setImmediate(resolve));
    }
    const unsettled = alice.bus.settled();
    unsettled.catch(() => {});
    const held = alice.client.connection.stats().outBytes - before;
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(64 * 1024 * 1024);
    expect(await cut).toBe(false);
    await expect(unsettled).rejects.toThrow(BusCut);
    const back = next(alice.bus);
    server.thaw();
    expect(await back).toBe(true);
    await alice.bus.settled();
  });

  test("ends the process when a listener throws, which would hear nothing more", async () => {
    await using server = await startNats();
    const script = fileURLToPath(new URL("testdata/throwing-listener.ts", import.meta.url));
    await using process = await startNode(script, [server.address]);
    await process.waitForLine(/the listener threw/);
    expect(await process.exited).toEqual({ code: 1, signal: null });
  });

  test("over a connection that was closed is silent, and throws nothing", async () => {
    await using server = await startNats();
    await using alice = await connectTo(server);
    await closeNats(alice.client);
    alice.bus.subscribe("x", () => {})();
    alice.bus.publish("x", bytes("lost"));
    expect(alice.bus.connected).toBe(false);
    expect(await alice.bus.request("x", bytes("?"), 10)).toEqual({ type: "silent" });
    await expect(alice.bus.settled()).rejects.toThrow(BusCut);
  });

  test("shares its servers with other clusters, and hears nothing of them", async () => {
    await using server = await startNats();
    await using alice = await connectTo(server);
    const settings = { servers: [server.address], name: "test", prefix: "other", login: null, tls: null };
    const other = await connectNats(settings);
    const heard: string[] = [];
    alice.bus.subscribe(">", ({ subject }) => void heard.push(subject));
    await alice.bus.settled();
    const bus = openNatsBus(other);
    expect(await bus.request("x", bytes("?"), 10_000)).toEqual({ type: "nobody" });
    bus.publish("x", bytes("!"));
    await bus.settled();
    await alice.bus.settled();
    expect(heard).toEqual([]);
    await bus.close();
    await closeNats(other);
  });
});

describe("on three servers", () => {
  busConformance("nats", async () => {
    // Handles are on one of them: what one server knows another knows a moment later.
    const cluster = await startNatsCluster();
    return placeOn(cluster.servers.slice(0, 1), () => cluster[Symbol.asyncDispose]());
  });

  test("listeners on one hear publishers on another, and nobody once the process is gone", async () => {
    await using cluster = await startNatsCluster();
    const [first, second] = cluster.servers;
    if (first === undefined || second === undefined) throw new Error("A cluster has three servers.");
    await using alice = await connectTo(first);
    await using bob = await connectTo(second);
    bob.bus.subscribe("x", (message) => {
      if (message.type === "message") bob.bus.publish(message.reply, message.data);
    });
    await bob.bus.settled();
    const ask = async (): Promise<string> => (await alice.bus.request("x", bytes("?"), 10_000)).type;
    while ((await ask()) !== "answered") await alice.bus.settled();
    await closeNats(bob.client);
    while ((await ask()) !== "nobody") await alice.bus.settled();
    expect(await ask()).toBe("nobody");
  });
});
