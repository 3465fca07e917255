import { VirtualClock } from "@millrace/clock/virtual.ts";
import { describe, expect, test } from "vitest";
import { KvUnreachable } from "../kv.ts";
import type { MemoryKvHandle } from "./handle.ts";
import { MemoryKv } from "./store.ts";

interface World {
  readonly clock: VirtualClock;
  readonly store: MemoryKv;
  readonly alice: MemoryKvHandle;
  readonly bob: MemoryKvHandle;
  /** What watches and promises said, in order. */
  readonly seen: string[];
  /** Notes what a promise settles to. */
  note(promise: Promise<unknown>): void;
  watch(kv: MemoryKvHandle): void;
  put(kv: MemoryKvHandle, text: string, expected: number): void;
}

function world(): World {
  const clock = new VirtualClock(1);
  const store = new MemoryKv(clock);
  const seen: string[] = [];
  const note = (promise: Promise<unknown>): void =>
    void promise.then(
      (value) => seen.push(JSON.stringify(value)),
      (error: unknown) => seen.push(error instanceof KvUnreachable ? "unreachable" : String(error)),
    );
  return {
    clock,
    store,
    alice: store.connect("alice"),
    bob: store.connect("bob"),
    seen,
    note,
    watch: (kv) => {
      kv.watch("", ({ key, value, revision }) => {
        seen.push(`${kv.name} sees ${key}@${revision} ${value === null ? "deleted" : Buffer.from(value).toString()}`);
      });
    },
    put: (kv, text, expected) => note(kv.put("k", Buffer.from(text), expected)),
  };
}

const PUT_1 = '{"type":"put","revision":1}';
const PUT_2 = '{"type":"put","revision":2}';
const STALE = '{"type":"stale"}';
const UNKNOWN = '{"type":"unknown","reason":"no answer within 2000 ms"}';

describe("the memory kv", () => {
  test("answers by its clock alone, and news is as late as it is told to be", async () => {
    const { clock, store, alice, bob, seen, watch, put } = world();
    watch(bob);
    await clock.run();
    store.latencyMs = 10;
    store.watchDelayMs = 100;
    put(alice, "1", 0);
    await clock.advance(19);
    expect(seen).toEqual([]);
    await clock.advance(1);
    expect(seen).toEqual([PUT_1]);
    await clock.advance(99);
    expect(seen).toEqual([PUT_1]);
    await clock.run();
    expect(seen).toEqual([PUT_1, "bob sees k@1 1"]);
  });

  test("does not know what became of a write: it was lost, or it was done", async () => {
    const { clock, store, alice, bob, seen, put } = world();
    store.fault = ({ by, expected }) => (by !== "alice" ? null : expected === 0 ? "lost" : "unanswered");
    put(alice, "1", 0);
    await clock.run();
    expect(store.entries()).toEqual([]);
    put(bob, "2", 0);
    await clock.run();
    put(alice, "3", 1);
    await clock.run();
    expect(store.entries()).toEqual([{ key: "k", value: Uint8Array.from(Buffer.from("3")), revision: 2 }]);
    put(alice, "4", 1);
    await clock.run();
    expect(seen).toEqual([UNKNOWN, PUT_1, UNKNOWN, STALE]);
  });

  test("reads what the key was before, where it is told to; a write on top of that is stale", async () => {
    const { clock, store, alice, bob, seen, note, put } = world();
    put(alice, "1", 0);
    await clock.run();
    put(alice, "2", 1);
    await clock.run();
    store.isReadStale = (_key, by) => by === "bob";
    const revision = async (kv: MemoryKvHandle): Promise<unknown> => (await kv.get("k"))?.revision ?? "none";
    note(revision(alice));
    await clock.run();
    note(revision(bob));
    await clock.run();
    put(bob, "3", 1);
    await clock.run();
    expect(seen).toEqual([PUT_1, PUT_2, "2", "1", STALE]);
  });
});

describe("a cut", () => {
  test("makes reads fail and writes unknown; mended soon, a write that was given up still comes", async () => {
    const { clock, store, alice, bob, seen, note, watch, put } = world();
    watch(bob);
    await clock.run();
    alice.cut();
    put(alice, "late", 0);
    await clock.advance(store.answerMs);
    expect(seen).toEqual([UNKNOWN]);
    alice.mend();
    await clock.run();
    expect(seen).toEqual([UNKNOWN, "bob sees k@1 late"]);
    alice.cut();
    note(alice.get("k"));
    await clock.run();
    expect(seen.at(-1)).toBe("unreachable");
  });

  test("that lasts loses what was under way, and watches are told afterwards what they missed", async () => {
    const { clock, store, alice, bob, seen, watch, put } = world();
    put(alice, "1", 0);
    watch(bob);
    await clock.run();
    bob.cut();
    put(bob, "never", 1);
    put(alice, "2", 1);
    await clock.advance(store.noticeMs);
    void alice.delete("k", 2);
    void alice.put("l", Buffer.from("new"), 0);
    await clock.run();
    seen.length = 0;
    bob.mend();
    await clock.run();
    expect(seen.toSorted()).toEqual(["bob sees k@3 deleted", "bob sees l@4 new"]);
    put(bob, "5", 0);
    await clock.run();
    expect(seen.slice(2).toSorted()).toEqual(["bob sees k@5 5", '{"type":"put","revision":5}'].toSorted());
  });
});

describe("a process", () => {
  test("that stands still hears answers and news when it goes on", async () => {
    const { clock, alice, bob, seen, watch, put } = world();
    watch(bob);
    await clock.run();
    put(bob, "1", 0);
    bob.pause();
    await clock.advance(1_000);
    put(alice, "2", 1);
    await clock.advance(500);
    expect(seen).toEqual([PUT_2]);
    bob.resume();
    await clock.run();
    expect(seen.slice(1).toSorted()).toEqual(["bob sees k@1 1", "bob sees k@2 2", PUT_1].toSorted());
  });

  test("that crashed hears nothing more; what it had sent may still come to be", async () => {
    const { clock, alice, bob, seen, note, watch, put } = world();
    watch(alice);
    watch(bob);
    await clock.run();
    put(bob, "last words", 0);
    note(bob.get("k"));
    bob.crash();
    put(bob, "from the grave", 1);
    watch(bob);
    await clock.run();
    expect(seen).toEqual(["alice sees k@1 last words"]);
    put(alice, "2", 1);
    await clock.run();
    expect(seen.slice(1).toSorted()).toEqual(["alice sees k@2 2", PUT_2]);
  });
});
