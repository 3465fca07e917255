import { VirtualClock } from "@millrace/clock/virtual.ts";
import { position, term } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import type { Journal } from "../journal.ts";
import { encodeRecord, RECORD_HEADER_BYTES } from "../record.ts";
import { LOST_AFTER_MS, type MemoryFault, MemoryLog } from "./log.ts";
import { openMemoryJournal } from "./open.ts";

interface Rig {
  readonly clock: VirtualClock;
  readonly log: MemoryLog;
  /** What appends were answered, in order. */
  readonly answers: string[];
  open(): Promise<Journal>;
  append(journal: Journal, body: string): void;
  stored(): Promise<string[]>;
}

function makeRig(): Rig {
  const clock = new VirtualClock(1);
  const log = new MemoryLog();
  const answers: string[] = [];
  return {
    clock,
    log,
    answers,
    open: () => openMemoryJournal(log, clock),
    append: (journal, body) => {
      const tail = journal.tail();
      const head = { position: position(tail.position + 1), term: term(1), timeMs: 0, previousChain: tail.chain };
      journal.append(tail.position, encodeRecord(head, Buffer.from(body)).frame, (outcome) => {
        answers.push(`${body} ${outcome.type}`);
      });
    },
    stored: async () => {
      const bodies: string[] = [];
      const journal = await openMemoryJournal(log, clock);
      await journal.read(position(log.base.position + 1), (record) => {
        bodies.push(Buffer.from(record.body).toString());
      });
      return bodies;
    },
  };
}

describe("the memory journal", () => {
  it("answers only when its clock says so", async () => {
    const { clock, log, answers, open, append } = makeRig();
    const journal = await open();
    append(journal, "a");
    expect(answers).toEqual([]);
    clock.step();
    expect(answers).toEqual(["a appended"]);
    log.latencyMs = 7;
    append(journal, "b");
    await clock.advance(6);
    expect(answers).toEqual(["a appended"]);
    await clock.advance(1);
    expect(answers).toEqual(["a appended", "b appended"]);
  });

  const faults: { fault: MemoryFault; answer: string; stored: string[] }[] = [
    { fault: { type: "lose" }, answer: "b unknown", stored: ["a"] },
    { fault: { type: "tear", bytes: 20 }, answer: "b unknown", stored: ["a"] },
    { fault: { type: "tear", bytes: 1_000 }, answer: "b unknown", stored: ["a"] },
    { fault: { type: "duplicate" }, answer: "b appended", stored: ["a", "b"] },
    { fault: { type: "unknown", written: true }, answer: "b unknown", stored: ["a", "b"] },
    { fault: { type: "unknown", written: false }, answer: "b unknown", stored: ["a"] },
    { fault: { type: "stale" }, answer: "b stale", stored: ["a"] },
    { fault: { type: "full" }, answer: "b full", stored: ["a"] },
  ];
  it.each(faults)("makes one append go wrong on demand: $fault", async ({ fault, answer, stored: expected }) => {
    const { clock, log, answers, open, append, stored } = makeRig();
    const journal = await open();
    append(journal, "a");
    await clock.run();
    log.failNext(fault);
    append(journal, "b");
    await clock.advance(LOST_AFTER_MS);
    expect(answers).toEqual(["a appended", answer]);
    expect(log.struck[fault.type]).toBe(1);
    expect(log.tornBytes > 0).toBe(fault.type === "tear");
    append(journal, "c");
    await clock.run();
    const isDead = ["lose", "tear", "unknown", "stale"].includes(fault.type);
    expect(answers.at(-1)).toBe(isDead ? "c stale" : "c appended");
    expect(await stored()).toEqual(isDead ? expected : [...expected, "c"]);
    expect(log.tornBytes).toBe(0);
  });

  it("I2: fences an append that was under way, delayed, or sent twice, when another handle opens", async () => {
    const { clock, log, answers, open, append, stored } = makeRig();
    const old = await open();
    log.failNext({ type: "delay" });
    append(old, "delayed");
    await clock.run();
    expect(answers).toEqual([]);
    const next = await open();
    append(next, "a");
    await clock.run();
    log.release();
    await clock.run();
    expect(answers).toEqual(["a appended", "delayed stale"]);
    log.failNext({ type: "duplicate" });
    append(next, "b");
    append(await open(), "c");
    await clock.run();
    expect(answers.slice(2).toSorted()).toEqual(["b stale", "c appended"]);
    expect(await stored()).toEqual(["a", "c"]);
  });

  it("holds the bytes of the records it holds", async () => {
    const { clock, open, append } = makeRig();
    const journal = await open();
    append(journal, "four");
    await clock.run();
    append(journal, "eight888");
    await clock.run();
    expect(journal.bytes()).toBe(2 * RECORD_HEADER_BYTES + 12);
    await journal.truncateBefore(position(2));
    expect(journal.bytes()).toBe(RECORD_HEADER_BYTES + 8);
  });

  it("releases a delayed append", async () => {
    const { clock, log, answers, open, append, stored } = makeRig();
    const journal = await open();
    log.failNext({ type: "delay" });
    append(journal, "a");
    await clock.run();
    log.release();
    await clock.run();
    expect(answers).toEqual(["a appended"]);
    expect(await stored()).toEqual(["a"]);
  });

  it("I6: loses only what was not durable when its process dies, and answers no more", async () => {
    for (const [bytesKept, expected] of [
      [0, ["a"]],
      [10, ["a"]],
      [1_000, ["a", "b"]],
    ] as const) {
      const { clock, log, answers, open, append, stored } = makeRig();
      const journal = await open();
      append(journal, "a");
      await clock.run();
      append(journal, "b");
      log.crash(bytesKept);
      await clock.run();
      append(journal, "c");
      await journal.close();
      await clock.run();
      expect(answers).toEqual(["a appended"]);
      expect(await stored()).toEqual(expected);
    }
  });
});
