import { systemClock } from "@millrace/clock/system.ts";
import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import { ConnectionNews } from "@millrace/nats/connection-news.ts";
import { jetStreamRequest, store } from "@millrace/nats/jetstream.ts";
import { objectStream } from "@millrace/nats/names.ts";
import { batchOfAny, lastOfLeader } from "@millrace/nats/stored.ts";
import { ensureStream } from "@millrace/nats/streams.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { Objm } from "@nats-io/obj";
import { describe, expect, test } from "vitest";
import { type Archive, ArchiveFull } from "../archive.ts";
import { type ArchivePlace, archiveConformance } from "../conformance.ts";
import { openNatsArchive } from "./nats-archive.ts";
import { chunkSubject, decodeInfo, nameSubject } from "./object.ts";

async function connect(servers: readonly string[]): Promise<NatsClient> {
  return await connectNats({ servers, name: "test", prefix: "test", login: null, tls: null });
}

async function damage(client: NatsClient, name: string, how: "change" | "shorten"): Promise<void> {
  const { connection, names } = client;
  const stream = objectStream(names.archiveBucket);
  const meta = await lastOfLeader(client, stream, nameSubject(names, name));
  const subject = chunkSubject(names, decodeInfo(meta?.data ?? Buffer.from("{}"))?.nuid ?? "");
  const limits = { messagesMax: 1_000, bytesMax: 2 ** 30 };
  const chunks = await batchOfAny(client, { stream, subject, from: 1, ...limits });
  await jetStreamRequest(connection, `STREAM.PURGE.${stream}`, { filter: subject });
  for (const [index, { data }] of chunks.entries()) {
    if (how === "change") await store(connection, subject, index === 1 ? data.with(7, 0xff) : data);
    else if (index < chunks.length - 1) await store(connection, subject, data);
  }
}

async function placeOn(servers: readonly string[], replicas: 1 | 3, shut: () => Promise<void>): Promise<ArchivePlace> {
  const client = await connect(servers);
  return {
    open: () => openNatsArchive(client, replicas),
    damage: (name, how) => damage(client, name, how),
    [Symbol.asyncDispose]: async () => {
      await closeNats(client);
      await shut();
    },
  };
}

archiveConformance("nats R1", async () => {
  const server = await startNats();
  return await placeOn([server.address], 1, () => server[Symbol.asyncDispose]());
});

archiveConformance("nats R3", async () => {
  const cluster = await startNatsCluster();
  return await placeOn(cluster.addresses, 3, () => cluster[Symbol.asyncDispose]());
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

async function bytesOf(archive: Archive, name: string): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of (await archive.get(name)) ?? []) all.push(chunk);
  return Buffer.concat(all);
}

async function messagesIn({ connection, names }: NatsClient): Promise<number> {
  const info = JSON.stringify(await jetStreamRequest(connection, `STREAM.INFO.${objectStream(names.archiveBucket)}`));
  return Number(/"messages":(\d+)/.exec(info)?.[1]);
}

describe("the nats archive", () => {
  test("is an object store like any other to NATS's own tools", async () => {
    await using server = await startNats();
    const client = await connect([server.address]);
    const archive = await openNatsArchive(client, 1);
    const bytes = Buffer.alloc(1_500_000, "ours ");
    await archive.put("snapshots/3", once(bytes));
    const objects = await new Objm(client.connection).open("test-archive");
    expect(Buffer.from((await objects.getBlob("snapshots/3")) ?? []).equals(bytes)).toBe(true);
    await objects.putBlob({ name: "theirs" }, Buffer.alloc(1_000_000, "theirs "));
    expect((await bytesOf(archive, "theirs")).equals(Buffer.alloc(1_000_000, "theirs "))).toBe(true);
    await objects.delete("theirs");
    expect(await archive.get("theirs")).toBeUndefined();
    expect((await archive.list("")).map(({ name }) => name)).toEqual(["snapshots/3"]);
    await archive.put("theirs", once(Buffer.from("ours")));
    expect((await bytesOf(archive, "theirs")).toString()).toBe("ours");
    await closeNats(client);
  });

  test("is read from the leader while nobody knows where replicas listen", async () => {
    await using server = await startNats();
    const client = await connect([server.address]);
    const archive = await openNatsArchive(client, 1);
    const bytes = Buffer.alloc(300_000, "ours ");
    await archive.put("a", once(bytes));
    const deaf = { name: objectStream(client.names.archiveBucket), num_replicas: 1, allow_direct: false } as const;
    await ensureStream(client.connection, deaf);
    expect((await bytesOf(archive, "a")).equals(bytes)).toBe(true);
    await closeNats(client);
  });

  test("I9: leaves no message of what was replaced or dropped, and none of what a crash left an hour ago", async () => {
    await using server = await startNats();
    const client = await connect([server.address]);
    const archive = await openNatsArchive(client, 1);
    await archive.put("a", once(Buffer.alloc(1_500_000)));
    await archive.put("a", once(Buffer.alloc(10)));
    expect(await messagesIn(client)).toBe(2);
    await archive.drop("a");
    expect(await messagesIn(client)).toBe(0);
    await archive.put("stays", once(Buffer.from("x")));
    await store(client.connection, chunkSubject(client.names, "LEFT"), Buffer.from("half"));
    await openNatsArchive(client, 1);
    expect(await messagesIn(client)).toBe(3);
    const later = { ...systemClock, nowMs: () => Date.now() + 2 * 60 * 60 * 1000 };
    expect((await bytesOf(await openNatsArchive(client, 1, later), "stays")).toString()).toBe("x");
    expect(await messagesIn(client)).toBe(2);
    await closeNats(client);
  });

  test("I9: says when there is no room, leaves nothing behind, and goes on when there is", async () => {
    await using server = await startNats({ storeBytesMax: 3_000_000 });
    const client = await connect([server.address]);
    const archive = await openNatsArchive(client, 1);
    await archive.put("a", once(Buffer.alloc(1_500_000)));
    await expect(archive.put("b", once(Buffer.alloc(2_000_000)))).rejects.toThrow(ArchiveFull);
    expect((await archive.list("")).map(({ name }) => name)).toEqual(["a"]);
    await archive.drop("a");
    expect(await archive.put("b", once(Buffer.alloc(2_000_000)))).toMatchObject({ bytes: 2_000_000 });
    await closeNats(client);
  });

  test("rejects when its server is gone in the middle, and has nothing of it afterwards", async () => {
    await using server = await startNats();
    const client = await connect([server.address]);
    const archive = await openNatsArchive(client, 1);
    async function* interrupted(): AsyncGenerator<Uint8Array> {
      yield* once(Buffer.alloc(1_000_000));
      await server.kill();
      yield* once(Buffer.alloc(1_000_000));
    }
    await expect(archive.put("a", interrupted())).rejects.toThrow(/connection/);
    await server.start();
    await waitUntil("the connection to be back", () => ConnectionNews.of(client.connection).isUp);
    expect(await archive.list("")).toEqual([]);
    await archive.put("a", once(Buffer.from("again")));
    expect((await bytesOf(archive, "a")).toString()).toBe("again");
    await closeNats(client);
  });
});
