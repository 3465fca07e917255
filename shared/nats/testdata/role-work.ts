// What each role does on NATS, all of it: a test of permissions goes through it.
import { openNatsArchive } from "@millrace/archive/nats/nats-archive.ts";
import { openNatsBlobs } from "@millrace/blobs/nats/nats-blobs.ts";
import { openNatsBus } from "@millrace/bus/nats/nats-bus.ts";
import type { Journal } from "@millrace/journal/journal.ts";
import { followJetStreamJournal } from "@millrace/journal/jetstream/follow.ts";
import { openJetStreamJournal } from "@millrace/journal/jetstream/open.ts";
import { openJetStreamLedger } from "@millrace/journal/jetstream/ledger.ts";
import { ensureLedgerStream } from "@millrace/journal/jetstream/ledger-stream.ts";
import { inspectServers } from "@millrace/journal/jetstream/servers.ts";
import { ensureStreams, journalPlace } from "@millrace/journal/jetstream/streams.ts";
import { encodeRecord } from "@millrace/journal/record.ts";
import { openNatsKv } from "@millrace/kv/nats/nats-kv.ts";
import { position, runId, term } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import type { NatsClient } from "../connect.ts";
import type { NatsRole } from "../permissions.ts";

/** Does everything that the role does, with keys, runs and shards of its own; rejects when something fails. */
export async function work(role: NatsRole, client: NatsClient, serial: number): Promise<void> {
  switch (role) {
    case "setup":
      return await makeStreams(client);
    case "node":
      await all([
        talk(client),
        writeMemory(client, serial),
        watchMemory(client),
        useBlobs(client, serial, true),
        useArchive(client, serial),
        useJournal(client, serial),
        useLedger(client),
      ]);
      return;
    case "gateway":
      await all([talk(client), watchMemory(client), useBlobs(client, serial, false), useLedger(client)]);
  }
}

/** The number of streams that hold journals here. */
export const JOURNAL_STREAMS = 1;

export async function makeStreams(client: NatsClient): Promise<void> {
  await openNatsKv(client, 1);
  await openNatsBlobs(client, 1);
  await openNatsArchive(client, 1);
  await ensureLedgerStream(client, 1);
  await ensureStreams(client.connection, {
    prefix: client.names.prefix,
    streams: JOURNAL_STREAMS,
    replicas: 1,
    bytesMax: null,
  });
}

const BYTES = Buffer.from("bytes");
const SHORT_MS = 1_000;
const MISSING: BlobRef = { sha256: "0".repeat(64), bytes: 1 };

/** So many bytes that the server asks a follower whether it keeps up. */
const RECORDS = 40;
const BODY = Buffer.alloc(400_000, "body");

async function all(works: readonly Promise<void>[]): Promise<void> {
  const settled = await Promise.allSettled(works);
  for (const outcome of settled) if (outcome.status === "rejected") throw outcome.reason;
}

function expectThat(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`It cannot ${what}.`);
}

async function talk(client: NatsClient): Promise<void> {
  const bus = openNatsBus(client);
  bus.subscribe("ping", (message) => {
    if (message.type === "message") bus.publish(message.reply, message.data);
  });
  const answer = await bus.request("ping", BYTES, SHORT_MS);
  expectThat(answer.type === "answered", "talk on the bus");
  await bus.close();
}

async function writeMemory(client: NatsClient, serial: number): Promise<void> {
  const kv = await openNatsKv(client, 1);
  const key = `key-${serial}`;
  const first = await kv.put(key, BYTES, 0);
  expectThat(first.type === "put", "put");
  if (first.type === "put") await kv.delete(key, first.revision);
  expectThat((await kv.put(key, BYTES, 0)).type === "put", "put anew what was deleted");
  expectThat((await kv.get(key)) !== undefined, "get");
}

async function watchMemory(client: NatsClient): Promise<void> {
  const kv = await openNatsKv(client, 1);
  await kv.get("key");
  await new Promise<void>((resolve) => {
    kv.watch("", () => {}, resolve);
  });
  await kv.close();
}

async function useBlobs(client: NatsClient, serial: number, sweeps: boolean): Promise<void> {
  const blobs = await openNatsBlobs(client, 1);
  const run = runId(`01jq3zz0h001zzzzz${String(serial).padStart(3, "0")}`);
  const ref = await blobs.put(run, BYTES);
  expectThat((await blobs.get(run, ref)) !== undefined, "get a blob");
  expectThat((await blobs.get(run, MISSING)) === undefined, "miss a blob");
  if (!sweeps) return;
  await blobs.owners(() => {});
  await blobs.drop(run);
}

async function* bytes(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(BYTES);
}

async function useArchive(client: NatsClient, serial: number): Promise<void> {
  const archive = await openNatsArchive(client, 1);
  await archive.put(`thing/${serial}`, bytes());
  for await (const chunk of (await archive.get(`thing/${serial}`)) ?? []) expectThat(chunk.length > 0, "read");
  await archive.drop(`thing/${serial}`);
}

async function useJournal(client: NatsClient, serial: number): Promise<void> {
  const { connection, names } = client;
  const way = { connection, inboxPrefix: names.inbox };
  const streams = { prefix: names.prefix, streams: JOURNAL_STREAMS, replicas: 1, bytesMax: null } as const;
  await ensureStreams(connection, streams);
  await inspectServers(connection, streams);
  const place = journalPlace(names.prefix, 0, serial, 1);
  const journal = await openJetStreamJournal(place, { ...way, holder: "node" });
  let seen = 0;
  const followed = new Promise<void>((resolve) => {
    const follower = followJetStreamJournal(place, way, {
      behind: { position: position(0), chain: 0 },
      visit: () => {
        seen += 1;
        if (seen < RECORDS) return;
        resolve(follower.stop());
      },
      gap: () => {},
    });
  });
  for (let at = 1; at <= RECORDS; at++) await append(journal, at);
  await followed;
  await journal.read(position(1), () => {});
  await journal.truncateBefore(position(RECORDS));
  await journal.close();
}

async function append(journal: Journal, at: number): Promise<void> {
  const tail = journal.tail();
  const head = { position: position(at), term: term(1), timeMs: 0, previousChain: tail.chain };
  const outcome = await new Promise<string>((resolve) => {
    journal.append(tail.position, encodeRecord(head, BODY).frame, ({ type }) => resolve(type));
  });
  expectThat(outcome === "appended", "append");
}

async function useLedger(client: NatsClient): Promise<void> {
  const open = openJetStreamLedger(client, { replicas: 1 });
  const ledger = await open(() => {});
  expectThat((await ledger.append(ledger.visited, BYTES, 0)).type === "appended", "append to the ledger");
  await ledger.close();
  const again = await open(() => {});
  expectThat(again.visited > 0, "read the ledger");
  await again.close();
}
