import { randomBytes } from "node:crypto";
import { cp, open, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { DAY_MS, endedRow, filter, liveRow, runAt, write } from "../conformance.ts";
import { StoreDamaged } from "../store.ts";
import { filesOf, lookOver } from "./condition.ts";
import { historyFile, keysFile, MAIN_FILE, periodOf } from "./environment.ts";
import { openLmdbStore, setAside } from "./open.ts";
import { sliceNumbered } from "./testdata/numbered-slices.ts";

const PAGE_BYTES = 4096;

let filled: TempFolder;

beforeAll(async () => {
  filled = await tempFolder();
  const store = await openLmdbStore(filled.path);
  for (let number = 1; number <= 4; number++) await write(store, sliceNumbered(number));
  await store.close();
});
afterAll(async () => {
  await filled[Symbol.asyncDispose]();
});

/** A closed store with some runs in every kind of file. */
async function filledFolder() {
  const folder = await tempFolder();
  const path = join(folder.path, "store");
  await cp(filled.path, path, { recursive: true, preserveTimestamps: true });
  return { path, [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose]() };
}

describe.each([MAIN_FILE, historyFile(periodOf(DAY_MS)), keysFile(periodOf(DAY_MS))])("a damaged %s", (file) => {
  it("is found before this process maps it when its end is gone", async () => {
    await using folder = await filledFolder();
    const path = join(folder.path, file);
    await truncate(path, Math.floor((await stat(path)).size / 3));
    await expect(openLmdbStore(folder.path)).rejects.toThrow(StoreDamaged);
  });

  it("is found before this process maps it when its pages hold something else", async () => {
    await using folder = await filledFolder();
    const path = join(folder.path, file);
    const bytes = await readFile(path);
    for (let page = 2; page * PAGE_BYTES < bytes.length; page++) randomBytes(PAGE_BYTES).copy(bytes, page * PAGE_BYTES);
    await writeFile(path, bytes);
    await expect(openLmdbStore(folder.path)).rejects.toThrow(StoreDamaged);
  });

  it("is found before this process maps it when it is something else", async () => {
    await using folder = await filledFolder();
    await writeFile(join(folder.path, file), randomBytes(10 * PAGE_BYTES));
    await expect(openLmdbStore(folder.path)).rejects.toThrow(StoreDamaged);
  });
});

it("is whole once a look at its files found it so, even where that process never ends by itself", async () => {
  await using folder = await filledFolder();
  await rm(join(folder.path, "state.json"));
  // As it was found to hang, once in thousands of times: in the orderly exit.
  const hanging = "data:text/javascript,process.on('exit',()=>{for(;;);})";
  vi.stubEnv("NODE_OPTIONS", `--import "${hanging}"`);
  await expect(lookOver(folder.path)).resolves.toBeUndefined();
  vi.unstubAllEnvs();
});

it("names the run whose stored bytes have changed behind its back", async () => {
  await using folder = await tempFolder();
  const [live, ended] = [runAt(DAY_MS, 1), runAt(DAY_MS, 2)];
  const before = await openLmdbStore(folder.path);
  const mark = "bytes that compress to nothing else ";
  await write(before, {
    live: [liveRow(live, { status: "running", dueMs: 0 }, { bytes: Buffer.from(mark) })],
    ended: [endedRow(ended, { bytes: Buffer.from(mark) })],
  });
  await before.close();
  for (const file of await Promise.resolve(filesOf(folder.path))) await changeUnseen(join(folder.path, file), mark);
  const store = await openLmdbStore(folder.path);
  expect(() => store.run(live)).toThrow(`live run ${live}`);
  expect(() => store.run(ended)).toThrow(StoreDamaged);
  expect(store.list(filter(), 9)).toEqual([ended, live]);
  await store.close();
});

it("starts empty when the damaged store was set aside, and keeps that one", async () => {
  await using folder = await filledFolder();
  await truncate(join(folder.path, MAIN_FILE), PAGE_BYTES);
  await expect(openLmdbStore(folder.path)).rejects.toThrow(StoreDamaged);
  const aside = await setAside(folder.path);
  const store = await openLmdbStore(folder.path);
  expect(store.meta()).toBeNull();
  expect(store.liveRuns(null, 9)).toEqual([]);
  await store.close();
  expect((await stat(join(aside, MAIN_FILE))).size).toBe(PAGE_BYTES);
});

/** Changes one bit wherever `mark` is written, and nothing that shows from outside. */
async function changeUnseen(path: string, mark: string): Promise<void> {
  const before = await stat(path);
  const bytes = await readFile(path);
  const file = await open(path, "r+");
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) {
    await file.write(Buffer.of(bytes.readUInt8(at) ^ 1), 0, 1, at);
  }
  await file.close();
  await utimes(path, before.atime, before.mtimeMs / 1000);
}
