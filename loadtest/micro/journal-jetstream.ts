// What an append of the JetStream journal costs, beside the file journal's, with one NATS server and with three that all
// sync before they ack; and how fast a journal is opened and read back. Prints JSON lines. All share this machine's cores
// and disk, and take turns in short rounds: the ratios are what to look at.
// Needs `make nats-server`. Usage: node journal-jetstream.ts
import { join } from "node:path";
import { openFileJournal } from "@millrace/journal/file/open.ts";
import { openJetStreamJournal } from "@millrace/journal/jetstream/open.ts";
import { ensureStreams, journalPlace } from "@millrace/journal/jetstream/streams.ts";
import { connectTo } from "@millrace/journal/jetstream/testdata/connect.ts";
import type { Journal } from "@millrace/journal/journal.ts";
import { encodeRecord, RECORD_HEADER_BYTES } from "@millrace/journal/record.ts";
import { position, term } from "@millrace/model/ids.ts";
import { startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";

const FRAME_BYTES = [1024, 64 * 1024];
const ROUNDS = 20;
const APPENDS_A_ROUND = 50;
/** Not counted: files and connections are new, code is compiled. */
const WARM_UP_ROUNDS = 2;
const READ_BYTES = 48 * 1024 * 1024;

await using folder = await tempFolder();
for (const replicas of [1, 3] as const) {
  await using servers = replicas === 1 ? await startNats() : await startNatsCluster();
  const connection = await connectTo("servers" in servers ? servers.addresses : [servers.address]);
  const streams = { prefix: "bench", streams: 1, replicas, bytesMax: null };
  await ensureStreams(connection, streams);
  let shard = 0;
  const open = (): Promise<Journal> =>
    openJetStreamJournal(journalPlace("bench", 0, shard, 1), { connection, holder: "bench" });
  for (const frameBytes of FRAME_BYTES) {
    shard += 1;
    const ours = await open();
    const file = await openFileJournal(join(folder.path, `${replicas}-${frameBytes}`));
    await compare({ replicas, frameBytes }, ours, file);
    await ours.close();
    await file.close();
  }
  for (const frameBytes of [4 * 1024, 64 * 1024]) {
    shard += 1;
    await readBack({ replicas, frameBytes }, open);
  }
  await connection.close();
}

interface Case {
  readonly replicas: number;
  readonly frameBytes: number;
}

async function compare(measured: Case, ours: Journal, file: Journal): Promise<void> {
  const body = Buffer.alloc(measured.frameBytes - RECORD_HEADER_BYTES, "x");
  const oursMs: number[] = [];
  const fileMs: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    const isCounted = round >= WARM_UP_ROUNDS;
    await measure(ours, body, isCounted ? oursMs : []);
    await measure(file, body, isCounted ? fileMs : []);
  }
  const [oursP50, oursP99, fileP50, fileP99] = [oursMs, fileMs].flatMap((values) => [
    quantile(values, 0.5),
    quantile(values, 0.99),
  ]);
  print({
    figure: "jetstream append",
    ...measured,
    appends: oursMs.length,
    p50Ms: oursP50,
    p99Ms: oursP99,
    fileP50Ms: fileP50,
    fileP99Ms: fileP99,
    appendsPerSecond: perSecond(oursMs),
    fileAppendsPerSecond: perSecond(fileMs),
    throughputRatio: perSecond(oursMs) / perSecond(fileMs),
  });
}

async function readBack(measured: Case, open: () => Promise<Journal>): Promise<void> {
  const body = Buffer.alloc(measured.frameBytes - RECORD_HEADER_BYTES, "x");
  const written = await open();
  for (let bytes = 0; bytes < READ_BYTES; bytes += measured.frameBytes) await append(written, body);
  await written.close();
  const beforeOpen = performance.now();
  const journal = await open();
  const beforeRead = performance.now();
  let records = 0;
  await journal.read(position(1), () => {
    records += 1;
  });
  const beforeTruncate = performance.now();
  await journal.truncateBefore(journal.tail().position);
  const end = performance.now();
  await journal.close();
  print({
    figure: "jetstream recovery",
    ...measured,
    bytes: READ_BYTES,
    records,
    openMs: beforeRead - beforeOpen,
    readMs: beforeTruncate - beforeRead,
    truncateMs: end - beforeTruncate,
  });
}

function append(journal: Journal, body: Buffer): Promise<void> {
  const tail = journal.tail();
  const next = position(tail.position + 1);
  const head = { position: next, term: term(1), timeMs: Date.now(), previousChain: tail.chain };
  return new Promise((resolve, reject) => {
    journal.append(tail.position, encodeRecord(head, body).frame, (outcome) => {
      if (outcome.type === "appended") resolve();
      else reject(new Error(`Record ${next} was not appended: ${outcome.type}.`));
    });
  });
}

/** One round, each append begun when the one before is done. */
async function measure(journal: Journal, body: Buffer, into: number[]): Promise<void> {
  for (let count = 0; count < APPENDS_A_ROUND; count += 1) {
    const begunMs = performance.now();
    await append(journal, body);
    into.push(performance.now() - begunMs);
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? Number.NaN;
}

function perSecond(valuesMs: readonly number[]): number {
  return (valuesMs.length * 1_000) / valuesMs.reduce((total, value) => total + value, 0);
}

function print(line: Readonly<Record<string, string | number | undefined>>): void {
  const rounded = Object.entries(line).map(([key, value]) => [
    key,
    typeof value === "number" ? Number(value.toFixed(3)) : value,
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rounded))}\n`);
}
