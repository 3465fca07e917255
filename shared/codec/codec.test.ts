import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compilePlan } from "@millrace/core/plan/compile.ts";
import { evolve } from "@millrace/core/run/evolve.ts";
import { arbitraryDefinition } from "@millrace/core/run/testdata/arbitrary-definition.ts";
import { arbitraryHistory, play } from "@millrace/core/run/testdata/arbitrary-history.ts";
import { json } from "@millrace/model/payload.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { pack } from "msgpackr";
import { describe, expect, it } from "vitest";
import { decodeEvents, encodeEvents } from "./events-v1.ts";
import { decodeRunHead, decodeRunState, encodeRunState } from "./run-state-v1.ts";
import { arbitraryEvents, KIND_COUNT, RECORD_MS } from "./testdata/arbitrary-event.ts";
import { CodecError } from "./values.ts";

const GOLDEN = join(import.meta.dirname, "testdata/golden");

function decoded(bytes: Uint8Array, atMs: number): JournalEvent[] {
  const events: JournalEvent[] = [];
  decodeEvents(bytes, atMs, (event) => events.push(event));
  return events;
}

/** Bytes of its own: an encoder may use its buffer again. */
function encoded(events: readonly JournalEvent[], from = 0): Buffer {
  return Buffer.from(encodeEvents(events, from, RECORD_MS));
}

describe("events", () => {
  it("of every kind come back as they were", () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) => {
        expect(new Set(events.map(({ type }) => type)).size).toBe(KIND_COUNT);
        expect(decoded(encoded(events), RECORD_MS)).toEqual(events);
      }),
    );
  });

  it("of several commands, one behind the other, come back in order", () => {
    fc.assert(
      fc.property(arbitraryEvents, fc.nat(20), (events, cut) => {
        const body = Buffer.concat([encoded(events.slice(0, cut)), encoded(events, cut)]);
        expect(decoded(body, RECORD_MS)).toEqual(events);
      }),
    );
    expect(decoded(Buffer.alloc(0), RECORD_MS)).toEqual([]);
  });

  it("I5: equal events give equal bytes", () => {
    fc.assert(
      fc.property(arbitraryEvents, (events) => {
        expect(encoded(structuredClone(events))).toEqual(encoded(events));
      }),
    );
  });
});

describe("run states", () => {
  it("I5: replayed from encoded events, a run has the same bytes as the live one, after every command", () => {
    fc.assert(
      fc.property(arbitraryDefinition, arbitraryHistory, (definition, history) => {
        let replayed: RunState | undefined;
        play(compilePlan(definition), history, ({ decision, nowMs }) => {
          const body = Buffer.from(encodeEvents(decision.events, 0, nowMs));
          decodeEvents(body, nowMs, (event) => {
            if (!("runId" in event)) throw new Error("not a run's");
            replayed = evolve(replayed, event, nowMs);
          });
          if (replayed === undefined || decision.run === undefined) throw new Error("The run was never started.");
          const bytes = Buffer.from(encodeRunState(decision.run));
          expect(Buffer.from(encodeRunState(replayed)).equals(bytes)).toBe(true);
          expect(decodeRunState(bytes)).toEqual(decision.run);
        });
      }),
      { numRuns: 100 },
    );
  });
});

describe("the head of a run state", () => {
  const runs: RunState[] = JSON.parse(readFileSync(join(GOLDEN, "run-state-v1.json"), "utf8"));

  it("is what the whole says, however long the input in it and whatever is behind it", () => {
    const [run] = runs;
    if (run === undefined) throw new Error("No run.");
    const behind = Array.from({ length: 2000 }, (_, at) => ({ name: "n", payload: json(`"${at} \u00e4"`) }));
    for (const length of [0, 3_800, 3_900, 4_000, 4_050, 4_100, 5_000, 33_000, 65_536])
      for (const signals of [[], behind]) {
        const long = { ...run, input: json(JSON.stringify("\u20ac".repeat(length / 3))), reason: "r\u00e9", signals };
        const bytes = Buffer.from(encodeRunState(long));
        expect(decodeRunHead(bytes)).toEqual({ ...decodeRunState(bytes), signals: [], signalIds: [], steps: [] });
      }
  });

  it("I9: costs the head, not the whole", () => {
    const [run] = runs;
    if (run === undefined) throw new Error("No run.");
    const whole = Buffer.from(encodeRunState(run));
    // A state of gigabytes would be read as quickly: what is behind the head is not even looked at.
    const bytes = Buffer.concat([whole.subarray(0, whole.length - 1), Buffer.alloc(64 * 1024, 0xc1)]);
    expect(() => decodeRunState(bytes)).toThrow(CodecError);
    expect(decodeRunHead(bytes).runId).toBe(run.runId);
  });
});

describe("golden files", () => {
  it("I5: events of version 1 decode to what they were, for ever, and are still written so", () => {
    const bytes = readFileSync(join(GOLDEN, "events-v1.bin"));
    const events: JournalEvent[] = JSON.parse(readFileSync(join(GOLDEN, "events-v1.json"), "utf8"));
    expect(decoded(bytes, RECORD_MS)).toEqual(events);
    expect(encoded(events).equals(bytes)).toBe(true);
  });

  it("I5: run states of version 1 decode to what they were, for ever, and are still written so", () => {
    const bytes = readFileSync(join(GOLDEN, "run-state-v1.bin"));
    const runs: RunState[] = JSON.parse(readFileSync(join(GOLDEN, "run-state-v1.json"), "utf8"));
    let at = 0;
    for (const run of runs) {
      const length = bytes.readUInt32BE(at);
      const state = bytes.subarray(at + 4, at + 4 + length);
      expect(decodeRunState(state)).toEqual(run);
      expect(Buffer.from(encodeRunState(run)).equals(state)).toBe(true);
      at += 4 + length;
    }
    expect(at).toBe(bytes.length);
  });

  it("hold every state of a step", () => {
    const runs: RunState[] = JSON.parse(readFileSync(join(GOLDEN, "run-state-v1.json"), "utf8"));
    const steps = runs.flatMap(({ steps: states }) => states);
    const items = steps.flatMap((state) =>
      "tasks" in state ? state.tasks.flatMap((task) => task?.status ?? "none") : [],
    );
    const states = [
      "pending",
      "skipped",
      "done",
      "faulted",
      "sleeping",
      "waiting",
      "fanned-out",
      "joined",
      "items-failed",
    ];
    const tasks = ["scheduled", "backoff", "completed", "failed", "abandoned"];
    expect(new Set(steps.map(({ status }) => status))).toEqual(new Set([...states, ...tasks]));
    expect(new Set(items)).toEqual(new Set([...tasks, "none"]));
    expect(runs.some(({ retries }) => retries.length > 0)).toBe(true);
  });
});

/** Nothing but a CodecError may come of wrong bytes. */
function expectRefusal(read: () => unknown): void {
  try {
    read();
  } catch (error: unknown) {
    expect(error).toBeInstanceOf(CodecError);
  }
}

describe("wrong bytes", () => {
  const sample = fc.sample(arbitraryEvents, { numRuns: 1, seed: 1 }).flat();
  const whole = encoded(sample);
  const states = readFileSync(join(GOLDEN, "run-state-v1.bin"));
  const state = states.subarray(4, 4 + states.readUInt32BE(0));

  it("I9: any bytes end in events or a CodecError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expectRefusal(() => decoded(bytes, RECORD_MS));
        expectRefusal(() => decodeRunState(bytes));
        expectRefusal(() => decodeRunHead(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  it("I9: bytes changed anywhere end in events or a CodecError", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), (at, byte) => {
        const events = Buffer.from(whole);
        events[at % events.length] = byte;
        expectRefusal(() => decoded(events, RECORD_MS));
        const run = Buffer.from(state);
        run[at % run.length] = byte;
        expectRefusal(() => decodeRunState(run));
        expectRefusal(() => decodeRunHead(Buffer.concat([run, Buffer.alloc(5000)])));
      }),
      { numRuns: 2000 },
    );
  });

  it("a state or a command cut short is never taken for whole", () => {
    for (let length = 0; length < state.length; length++)
      expect(() => decodeRunState(state.subarray(0, length))).toThrow(CodecError);
    for (let length = 1; length < whole.length; length++)
      expect(() => decoded(whole.subarray(0, length), RECORD_MS)).toThrow(CodecError);
  });

  it.each([
    ["a list that says it has 4 billion elements", Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 0x01])],
    ["a text that says it has 4 billion bytes", Buffer.from([0x91, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61])],
    ["lists nested 100,000 deep", Buffer.alloc(100_000, 0x91)],
    ["a map", pack({ a: 1 })],
    ["an extension", Buffer.from([0x91, 0xd4, 0x72, 0x40])],
    ["a number", Buffer.from([0x01])],
    ["an unknown event", pack([99, "0000000z000000000000"])],
    ["an event with a number for its run", pack([7, 7, 7])],
    ["a run state of a later version", pack([2])],
    ["a run state with more behind it", pack([1])],
  ])("I9: %s", (_, bytes) => {
    expect(() => decoded(bytes, RECORD_MS)).toThrow(CodecError);
    expect(() => decodeRunState(bytes)).toThrow(CodecError);
  });

  it("a run state with something behind it is refused", () => {
    expect(() => decodeRunState(Buffer.concat([state, Buffer.from([0x01])]))).toThrow(CodecError);
  });
});
