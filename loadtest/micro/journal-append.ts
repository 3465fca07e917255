// What an append of the file journal costs, beside the same bytes appended to a growing file and synced. Prints JSON
// lines. The two take turns in short rounds, so that a noisy disk is noisy for both: the ratio is what to look at.
// Usage: node journal-append.ts [folder, on the disk to measure; default the system's folder for temporary files]
import { fdatasync, write } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileJournal } from "@millrace/journal/file/open.ts";
import type { Journal } from "@millrace/journal/journal.ts";
import { encodeRecord, RECORD_HEADER_BYTES } from "@millrace/journal/record.ts";
import { position, term } from "@millrace/model/ids.ts";

const FRAME_BYTES = [1024, 64 * 1024];
const ROUNDS = 30;
const APPENDS_A_ROUND = 50;
/** Not counted: the first segment is made, code is compiled. */
const WARM_UP_ROUNDS = 2;
const RECOVERED_BYTES = 64 * 1024 * 1024;

const folder = await mkdtemp(join(process.argv[2] ?? tmpdir(), "millrace-journal-append-"));
try {
  for (const frameBytes of FRAME_BYTES) await compare(frameBytes);
  await recover();
} finally {
  await rm(folder, { recursive: true });
}

async function compare(frameBytes: number): Promise<void> {
  const body = Buffer.alloc(frameBytes - RECORD_HEADER_BYTES, "x");
  const journal = await openFileJournal(join(folder, `journal-${frameBytes}`));
  const plain = await open(join(folder, `plain-${frameBytes}`), "w");
  let plainAt = 0;
  const appendPlain = (done: () => void): void => {
    write(plain.fd, body, 0, body.length, plainAt, (error) => {
      if (error !== null) throw error;
      plainAt += body.length;
      fdatasync(plain.fd, (failed) => {
        if (failed !== null) throw failed;
        done();
      });
    });
  };
  const journalMs: number[] = [];
  const plainMs: number[] = [];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    const isCounted = round >= WARM_UP_ROUNDS;
    await measure((done) => appendRecord(journal, body, done), isCounted ? journalMs : []);
    await measure(appendPlain, isCounted ? plainMs : []);
  }
  await journal.close();
  await plain.close();
  const ours = { p50Ms: quantile(journalMs, 0.5), p99Ms: quantile(journalMs, 0.99) };
  const theirs = { p50Ms: quantile(plainMs, 0.5), p99Ms: quantile(plainMs, 0.99) };
  print({
    figure: "journal append",
    frameBytes,
    appends: journalMs.length,
    p50Ms: ours.p50Ms,
    p99Ms: ours.p99Ms,
    plainP50Ms: theirs.p50Ms,
    plainP99Ms: theirs.p99Ms,
    ratioP50: ours.p50Ms / theirs.p50Ms,
    ratioP99: ours.p99Ms / theirs.p99Ms,
  });
}

/** Opening and reading back a journal of many records, from the page cache. */
async function recover(): Promise<void> {
  const body = Buffer.alloc(64 * 1024, "x");
  const path = join(folder, "recovered");
  const written = await openFileJournal(path);
  for (let bytes = 0; bytes < RECOVERED_BYTES; bytes += body.length) {
    await new Promise<void>((resolve) => {
      appendRecord(written, body, resolve);
    });
  }
  await written.close();
  const beforeOpen = performance.now();
  const journal = await openFileJournal(path);
  const openMs = performance.now() - beforeOpen;
  const beforeRead = performance.now();
  let records = 0;
  await journal.read(position(1), () => {
    records += 1;
  });
  const readMs = performance.now() - beforeRead;
  await journal.close();
  print({ figure: "journal recovery", bytes: RECOVERED_BYTES, records, openMs, readMs });
}

function appendRecord(journal: Journal, body: Buffer, done: () => void): void {
  const tail = journal.tail();
  const next = position(tail.position + 1);
  const { frame } = encodeRecord(
    { position: next, term: term(1), timeMs: Date.now(), previousChain: tail.chain },
    body,
  );
  journal.append(tail.position, frame, (outcome) => {
    if (outcome.type !== "appended") throw new Error(`Record ${next} was not appended: ${outcome.type}.`);
    done();
  });
}

/** One round, each append begun when the one before is done. */
async function measure(append: (done: () => void) => void, into: number[]): Promise<void> {
  for (let count = 0; count < APPENDS_A_ROUND; count += 1) {
    const begunMs = performance.now();
    await new Promise<void>((resolve) => {
      append(resolve);
    });
    into.push(performance.now() - begunMs);
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? Number.NaN;
}

function print(line: Readonly<Record<string, string | number>>): void {
  const rounded = Object.entries(line).map(([key, value]) => [
    key,
    typeof value === "number" ? Number(value.toFixed(3)) : value,
  ]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(rounded))}\n`);
}
