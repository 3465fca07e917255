import { hash } from "node:crypto";
import type { RunId } from "@millrace/model/ids.ts";
import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import { jetStreamRequest, store } from "@millrace/nats/jetstream.ts";
import { ensureStream } from "@millrace/nats/streams.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { describe, expect, test } from "vitest";
import { BlobDamaged, type Blobs, BlobsFull } from "../blobs.ts";
import { blobsConformance, runOf } from "../conformance.ts";
import { openNatsBlobs } from "./nats-blobs.ts";

interface Connected extends AsyncDisposable {
  readonly client: NatsClient;
  readonly blobs: Blobs;
}

async function connect(servers: readonly string[], replicas: 1 | 3 = 1): Promise<Connected> {
  const client = await connectNats({ servers, name: "test", prefix: "test", login: null, tls: null });
  const blobs = await openNatsBlobs(client, replicas);
  return { client, blobs, [Symbol.asyncDispose]: () => closeNats(client) };
}

blobsConformance("nats R1", async () => {
  const server = await startNats();
  const { client, ...connected } = await connect([server.address]);
  return {
    open: () => openNatsBlobs(client, 1),
    discard: async () => {
      await connected[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
});

blobsConformance("nats R3", async () => {
  const cluster = await startNatsCluster();
  const { client, ...connected } = await connect(cluster.addresses, 3);
  return {
    open: () => openNatsBlobs(client, 3),
    discard: async () => {
      await connected[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
});

/** Bytes that differ from one part to the next. */
function pattern(bytes: number): Uint8Array {
  return Buffer.alloc(
    bytes,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  );
}

async function ownersOf(blobs: Blobs): Promise<Map<RunId, number>> {
  const owners = new Map<RunId, number>();
  await blobs.owners((run, newestMs) => void owners.set(run, newestMs));
  return owners;
}

describe("the nats blobs", () => {
  test("take 4 MiB and sizes around their parts", async () => {
    await using server = await startNats();
    await using at = await connect([server.address]);
    for (const bytes of [768 * 1024 - 1, 768 * 1024, 768 * 1024 + 1, 4 * 1024 * 1024]) {
      const ref = await at.blobs.put(runOf(1), pattern(bytes));
      expect(Buffer.from((await at.blobs.get(runOf(1), ref)) ?? []).equals(pattern(bytes))).toBe(true);
    }
  });

  test("reject bytes that are not what was put, and mend a blob that is put again", async () => {
    await using server = await startNats();
    await using at = await connect([server.address]);
    const { connection, names } = at.client;
    const run = runOf(3);
    const ref = await at.blobs.put(run, pattern(1_000_000));
    const hour = Math.ceil(Date.now() / (60 * 60 * 1000));
    const blob = `${names.blobs}.${run.slice(-2)}.${run}.${ref.sha256}`;
    await store(connection, `${blob}.1.${hour}`, Buffer.from("wrong"));
    await expect(at.blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
    await jetStreamRequest(connection, `STREAM.PURGE.${names.blobStream}`, { filter: `${blob}.1.>` });
    await expect(at.blobs.get(run, ref)).rejects.toThrow(BlobDamaged);
    await at.blobs.put(run, pattern(1_000_000));
    expect((await at.blobs.get(run, ref))?.length).toBe(1_000_000);
  });

  test("are read from the leader while nobody knows where replicas listen", async () => {
    await using server = await startNats();
    await using at = await connect([server.address]);
    const { connection, names } = at.client;
    const ref = await at.blobs.put(runOf(5), pattern(1_000_000));
    await ensureStream(connection, { name: names.blobStream, num_replicas: 1, allow_direct: false });
    expect((await at.blobs.get(runOf(5), ref))?.length).toBe(ref.bytes);
    expect(await at.blobs.get(runOf(6), ref)).toBeUndefined();
  });

  test("show nothing of what broke off, and who owns it all the same", async () => {
    await using server = await startNats();
    await using at = await connect([server.address]);
    const { connection, names } = at.client;
    const run = runOf(4);
    const bytes = pattern(1_000_000);
    const sha256 = hash("sha256", bytes, "hex");
    await store(connection, `${names.blobs}.${run.slice(-2)}.${run}.${sha256}.1.495171`, bytes.subarray(768 * 1024));
    expect(await at.blobs.get(run, { sha256, bytes: bytes.length })).toBeUndefined();
    expect([...(await ownersOf(at.blobs))]).toEqual([[run, 495171 * 60 * 60 * 1000]]);
    await at.blobs.drop(run);
    expect(await ownersOf(at.blobs)).toEqual(new Map());
  });

  test("I9: refuse what does not fit, keep what they have, and take more when there is room", async () => {
    await using server = await startNats({ storeBytesMax: 3_000_000 });
    await using at = await connect([server.address]);
    const ref = await at.blobs.put(runOf(1), pattern(2_000_000));
    await expect(at.blobs.put(runOf(2), pattern(2_000_001))).rejects.toThrow(BlobsFull);
    expect((await at.blobs.get(runOf(1), ref))?.length).toBe(2_000_000);
    await at.blobs.drop(runOf(1));
    await at.blobs.drop(runOf(2));
    expect(await at.blobs.put(runOf(2), pattern(2_000_001))).toMatchObject({ bytes: 2_000_001 });
  });

  test("list many owners in pieces, each once", async () => {
    // Not synced: this is about counting.
    await using server = await startNats({ syncInterval: "10s" });
    await using at = await connect([server.address]);
    const runs = Array.from({ length: 1_000 }, (_, serial) => runOf(serial));
    for (let round = 0; round < 11; round++) {
      await Promise.all(runs.map((run) => at.blobs.put(run, Buffer.from(`${run} ${round}`))));
    }
    const owners: RunId[] = [];
    await at.blobs.owners((run) => void owners.push(run));
    expect(owners.toSorted()).toEqual(runs.toSorted());
  });
});

describe("three servers", () => {
  test("give back at once on one what was put on another", async () => {
    await using cluster = await startNatsCluster();
    const [first = "", second = ""] = cluster.addresses;
    await using writer = await connect([first], 3);
    await using reader = await connect([second], 3);
    for (let round = 0; round < 100; round++) {
      const ref = await writer.blobs.put(runOf(round), Buffer.from(`round ${round}`));
      expect((await reader.blobs.get(runOf(round), ref))?.length).toBe(ref.bytes);
    }
  });
});
