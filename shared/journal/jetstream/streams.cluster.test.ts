// The streams under the journals: made right, mended where that is safe, refused where it is not, and what their servers
// are known for.
import { JetStreamRefused, parseAnswer, STORE_NOT_MADE } from "@millrace/nats/answer.ts";
import { NatsProblem } from "@millrace/nats/problem.ts";
import { streamInfo } from "@millrace/nats/streams.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectServers } from "./servers.ts";
import { ensureStreams, type JournalStreams, STREAMS_MAX } from "./streams.ts";
import { type Connection, connectTo } from "./testdata/connect.ts";

const ONE: JournalStreams = { prefix: "one", streams: 1, replicas: 1, bytesMax: null };

/** What a stream of journals must look like. */
const GOOD = {
  subjects: ["one.journal.0.>"],
  storage: "file",
  retention: "limits",
  discard: "new",
  max_age: 0,
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_bytes: -1,
  num_replicas: 1,
  duplicate_window: 100e6,
  compression: "none",
  allow_direct: true,
  deny_delete: true,
  deny_purge: false,
  allow_rollup_hdrs: false,
};

async function makeStream(connection: Connection, config: object): Promise<void> {
  const good = { name: "ONE_JOURNAL_0", ...GOOD };
  const request = JSON.stringify({ ...good, ...config });
  // The files of the stream before may not be gone yet.
  await waitUntil("the stream to be made", async () => {
    const answer = await connection.request("$JS.API.STREAM.CREATE.ONE_JOURNAL_0", request);
    try {
      return parseAnswer(answer.data) !== undefined;
    } catch (error: unknown) {
      if (error instanceof JetStreamRefused && error.code === STORE_NOT_MADE) return false;
      throw error;
    }
  });
}

async function dropStream(connection: Connection): Promise<void> {
  parseAnswer((await connection.request("$JS.API.STREAM.DELETE.ONE_JOURNAL_0")).data);
}

describe("streams for journals on one server", () => {
  let server: NatsServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startNats();
    connection = await connectTo([server.address]);
  });
  afterAll(async () => {
    await connection.close();
    await server[Symbol.asyncDispose]();
  });

  it("are made as they must be, once", async () => {
    await Promise.all([ensureStreams(connection, ONE), ensureStreams(connection, ONE)]);
    const before = await streamInfo(connection, "ONE_JOURNAL_0");
    expect(before).toMatchObject({ config: GOOD });
    await ensureStreams(connection, ONE);
    expect(await streamInfo(connection, "ONE_JOURNAL_0")).toMatchObject({ config: GOOD });
    expect(await streamInfo(connection, "ONE_JOURNAL_1")).toBeNull();
    await dropStream(connection);
  });

  it("are mended where nothing can have been lost", async () => {
    await makeStream(connection, { max_bytes: 1e6, allow_direct: false, deny_delete: false, max_msg_size: 1_000 });
    await ensureStreams(connection, { ...ONE, bytesMax: 5e8 });
    expect(await streamInfo(connection, "ONE_JOURNAL_0")).toMatchObject({ config: { ...GOOD, max_bytes: 5e8 } });
    await dropStream(connection);
  });

  it.each([
    [{ storage: "memory" }, "storage"],
    [{ discard: "old" }, "discard"],
    [{ max_age: 60e9 }, "max_age"],
    [{ max_msgs: 10 }, "max_msgs"],
    [{ max_msgs_per_subject: 5 }, "max_msgs_per_subject"],
    [{ retention: "interest" }, "retention"],
    [{ allow_rollup_hdrs: true }, "allow_rollup_hdrs"],
    [{ allow_msg_ttl: true }, "allow_msg_ttl"],
    [{ no_ack: true }, "no_ack"],
    [{ deny_purge: true }, "deny_purge"],
    [{ persist_mode: "async" }, "persist_mode"],
    [{ subjects: ["one.journal.0.>", "others"] }, "subjects"],
  ])("I6: are refused and left alone with %o", async (setting, named) => {
    await makeStream(connection, setting);
    const refused = ensureStreams(connection, ONE);
    await expect(refused).rejects.toBeInstanceOf(NatsProblem);
    await expect(refused).rejects.toThrow(named);
    expect(await streamInfo(connection, "ONE_JOURNAL_0")).toMatchObject({ config: setting });
    await dropStream(connection);
  });

  it("I8: are not made from settings that make no sense", async () => {
    await expect(ensureStreams(connection, { ...ONE, prefix: "a.b" })).rejects.toThrow('The prefix "a.b"');
    for (const streams of [0, STREAMS_MAX + 1, 1.5]) {
      await expect(ensureStreams(connection, { ...ONE, streams })).rejects.toThrow(`streams is ${streams}`);
    }
  });

  it("are known to have one replica, and a server whose word is all there is", async () => {
    await ensureStreams(connection, ONE);
    const findings = await inspectServers(connection, ONE);
    expect(findings.map(({ setting, where, certainty }) => [setting, where, certainty])).toEqual([
      ["replicas", "ONE_JOURNAL_0", "unsafe"],
      ["sync_interval", "nats", "unknown"],
    ]);
    await dropStream(connection);
  });
});

describe("what a cluster's servers are known for", () => {
  /** An account that may ask servers for their settings, as an operator would export that. */
  const asking = (tags: string): string => `
    server_tags: [${tags}]
    system_account: SYS
    accounts {
      SYS { exports: [{ service: "$SYS.REQ.SERVER.PING.JSZ", response_type: stream, accounts: [APP] }] }
      APP { jetstream: enabled, users: [{ user: app, password: app }]
        imports: [{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } }] }
    }
    no_auth_user: app`;
  const THREE: JournalStreams = { ...ONE, replicas: 3, streams: 2 };

  it("is what they say themselves, where they may be asked", async () => {
    await using careful = await startNatsCluster({ config: asking("") });
    const connection = await connectTo(careful.addresses);
    await ensureStreams(connection, { ...THREE, replicas: 1 });
    const findings = await inspectServers(connection, THREE);
    expect(findings.map(({ setting, where }) => [setting, where])).toEqual([
      ["replicas", "ONE_JOURNAL_0"],
      ["replicas", "ONE_JOURNAL_1"],
    ]);
    // More replicas are made of streams that have too few; fewer never.
    await ensureStreams(connection, THREE);
    await careful.streamReady("ONE_JOURNAL_1");
    expect(await inspectServers(connection, THREE)).toEqual([]);
    await ensureStreams(connection, { ...THREE, replicas: 1 });
    expect(await streamInfo(connection, "ONE_JOURNAL_0")).toMatchObject({ config: { num_replicas: 3 } });
    await connection.close();
  });

  it("is that they lose what they acked, where they say so", async () => {
    await using careless = await startNats({ config: asking('"sync:always"'), syncInterval: "1m" });
    const connection = await connectTo([careless.address]);
    await ensureStreams(connection, ONE);
    const findings = await inspectServers(connection, ONE);
    expect(findings).toContainEqual(
      expect.objectContaining({ setting: "sync_interval", where: "nats", certainty: "unsafe" }),
    );
    await connection.close();
  });

  it("is at best a tag otherwise: its operator's word", async () => {
    await using cluster = await startNatsCluster({ config: 'server_tags: ["sync:always"]' });
    const connection = await connectTo(cluster.addresses);
    await ensureStreams(connection, THREE);
    await cluster.streamReady("ONE_JOURNAL_1");
    const findings = await inspectServers(connection, THREE);
    expect(findings.map(({ where }) => where).toSorted((left, right) => left.localeCompare(right))).toEqual(
      cluster.servers.map(({ name }) => name),
    );
    expect(findings.every(({ setting, certainty }) => setting === "sync_interval" && certainty === "unknown")).toBe(
      true,
    );
    // Servers that serve nobody of the account say nothing to it.
    expect(findings.some(({ message }) => message.includes('It is tagged "sync:always"'))).toBe(true);
    await connection.close();
  });
});
