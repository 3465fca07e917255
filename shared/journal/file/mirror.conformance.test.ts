import { readdir, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { position, term } from "@millrace/model/ids.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import type { JournalTail } from "../journal.ts";
import { mirrorConformance } from "../mirror-conformance.ts";
import { decodeRecord, EMPTY_TAIL, encodeRecord, tailOf } from "../record.ts";
import { openFileMirror } from "./mirror.ts";

mirrorConformance("file", async () => {
  const folder = await tempFolder();
  return { open: () => openFileMirror(folder.path), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
});

/** Keeps `count` records of 600 KiB in a mirror of this folder. */
async function fill(folder: string, count: number): Promise<void> {
  const mirror = await openFileMirror(folder);
  let tail: JournalTail = EMPTY_TAIL;
  for (let index = 0; index < count; index++) {
    const head = { position: position(index + 1), term: term(1), timeMs: 1, previousChain: tail.chain };
    const made = decodeRecord(encodeRecord(head, Buffer.alloc(600 * 1024, index)).frame, 0, tail);
    if (made.type !== "record") throw new Error("A record that was just made is none.");
    mirror.keep(made.record);
    tail = tailOf(made.record);
  }
  await mirror.close();
}

async function read(folder: string): Promise<number[]> {
  const mirror = await openFileMirror(folder);
  const positions: number[] = [];
  await mirror.read(position(1), (_, record) => positions.push(record.position));
  await mirror.close();
  return positions;
}

it("reads up to where a crash tore it, and nothing that does not follow", async () => {
  await using folder = await tempFolder();
  await fill(folder.path, 40);
  const names = (await readdir(folder.path)).sort();
  expect(names.length).toBeGreaterThan(1);
  const last = join(folder.path, names.at(-1) ?? "");
  await truncate(last, (await readFile(last)).length - 10);
  expect(await read(folder.path)).toHaveLength(39);
  const first = join(folder.path, names[0] ?? "");
  await truncate(first, 700 * 1024);
  expect(await read(folder.path)).toEqual([1]);
});

it("forgets whole files of the oldest records", async () => {
  await using folder = await tempFolder();
  await fill(folder.path, 60);
  const before = await readdir(folder.path);
  const mirror = await openFileMirror(folder.path);
  mirror.forgetBefore(position(60));
  await mirror.close();
  expect((await readdir(folder.path)).length).toBeLessThan(before.length);
  expect((await read(folder.path)).at(-1)).toBe(60);
});
