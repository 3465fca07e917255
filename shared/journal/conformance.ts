// What every journal must do, whatever it is made of. Each adapter runs this suite with a rig of its own.
import { type Position, position, term } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import {
  type AppendOutcome,
  type Journal,
  JournalDamaged,
  JournalLocked,
  type JournalTail,
  JournalTruncated,
  RECORD_BYTES_MAX,
} from "./journal.ts";
import { EMPTY_TAIL, encodeRecord, RECORD_BODY_BYTES_MAX } from "./record.ts";

/** One journal's place, and the trouble that can be made there. */
export interface JournalRig extends AsyncDisposable {
  /** What a second opening does while the first journal is open: fence that one, or be refused. */
  readonly secondOpening: "fences" | "locked";
  open(): Promise<Journal>;
  /** Leaves these bytes behind the tail, as a crash in the middle of an append would. Only while it is closed. */
  leaveBehindTail(bytes: Uint8Array): Promise<void>;
  /** Flips a bit of a stored record. Only while it is closed. */
  damage(at: Position): Promise<void>;
  /** Takes away all room, or gives it back. */
  setFull(isFull: boolean): Promise<void> | void;
  /** Nobody will know what became of the next append. */
  doubtNextAppend(): void;
}

const NOW_MS = 1_767_225_600_000;

/** Frames `body` as the record behind `tail`. */
function frameBehind(tail: JournalTail, body: string | Uint8Array, ofTerm = Math.max(tail.term, 1)): Buffer {
  const head = {
    position: position(tail.position + 1),
    term: term(ofTerm),
    timeMs: NOW_MS + tail.position,
    previousChain: tail.chain,
  };
  return encodeRecord(head, typeof body === "string" ? Buffer.from(body) : body).frame;
}

function append(journal: Journal, body: string | Uint8Array): Promise<AppendOutcome> {
  const tail = journal.tail();
  return appendFrame(journal, tail.position, frameBehind(tail, body));
}

function appendFrame(journal: Journal, expected: number, frame: Uint8Array): Promise<AppendOutcome> {
  return new Promise((resolve) => {
    journal.append(position(expected), frame, resolve);
  });
}

async function appendAll(journal: Journal, bodies: readonly string[]): Promise<void> {
  for (const body of bodies) expect(await append(journal, body)).toEqual({ type: "appended" });
}

async function bodiesFrom(journal: Journal, from = 1): Promise<string[]> {
  const bodies: string[] = [];
  await journal.read(position(from), (record) => {
    expect(record.position).toBe(from + bodies.length);
    bodies.push(Buffer.from(record.body).toString());
  });
  return bodies;
}

/** Registers the suite for one adapter. */
export function journalConformance(adapter: string, makeRig: () => Promise<JournalRig>): void {
  describe(`the ${adapter} journal`, () => {
    appending(makeRig);
    reading(makeRig);
    fencing(makeRig);
    trouble(makeRig);
    closing(makeRig);
  });
}

function appending(makeRig: () => Promise<JournalRig>): void {
  it("begins empty", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    expect(journal.tail()).toEqual(EMPTY_TAIL);
    expect(await bodiesFrom(journal)).toEqual([]);
    await journal.close();
  });

  it("I1: keeps what it acked, and says where it ends", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const first = frameBehind(EMPTY_TAIL, "one event", 3);
    expect(await appendFrame(journal, 0, first)).toEqual({ type: "appended" });
    expect(journal.tail()).toEqual({ position: 1, chain: first.readUInt32LE(32), term: 3, timeMs: NOW_MS });
    await appendAll(journal, ["", "many events"]);
    const tail = journal.tail();
    expect(tail.position).toBe(3);
    expect(await bodiesFrom(journal)).toEqual(["one event", "", "many events"]);
    await journal.close();
    const again = await rig.open();
    expect(again.tail()).toEqual(tail);
    await appendAll(again, ["later"]);
    expect(await bodiesFrom(again)).toEqual(["one event", "", "many events", "later"]);
    await again.close();
  });

  it("takes records up to the largest, each a group of events in one append", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const sizes = [RECORD_BODY_BYTES_MAX, 1, 300_000, RECORD_BODY_BYTES_MAX, RECORD_BODY_BYTES_MAX];
    for (const [ordinal, size] of sizes.entries()) {
      expect(await append(journal, Buffer.alloc(size, ordinal))).toEqual({ type: "appended" });
    }
    const read: { size: number; isWhole: boolean }[] = [];
    await journal.read(position(1), ({ body }) => {
      const whole = Buffer.alloc(body.length, read.length);
      read.push({ size: body.length, isWhole: whole.equals(body) });
    });
    expect(read).toEqual(sizes.map((size) => ({ size, isWhole: true })));
    expect(journal.bytes()).toBeGreaterThan(300_000 + 3 * RECORD_BODY_BYTES_MAX);
    await journal.close();
  });

  it("answers once, never before append returns, and moves its tail with the answer", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      journal.append(position(0), frameBehind(EMPTY_TAIL, "a"), (outcome) => {
        seen.push(`${outcome.type} ${journal.tail().position}`);
        // The next append may follow at once.
        journal.append(position(1), frameBehind(journal.tail(), "b"), (next) => {
          seen.push(`${next.type} ${journal.tail().position}`);
          resolve();
        });
        seen.push(`returned ${journal.tail().position}`);
      });
      seen.push(`returned ${journal.tail().position}`);
    });
    await journal.close();
    expect(seen).toEqual(["returned 0", "appended 1", "returned 1", "appended 2"]);
  });

  it("has one append in flight, and refuses a second by throwing", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const first = append(journal, "a");
    expect(() => {
      journal.append(position(0), frameBehind(EMPTY_TAIL, "b"), () => undefined);
    }).toThrow("in flight");
    expect(await first).toEqual({ type: "appended" });
    await appendAll(journal, ["c"]);
    expect(await bodiesFrom(journal)).toEqual(["a", "c"]);
    await journal.close();
  });

  it("refuses by throwing what could never be read back, and goes on", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a"]);
    const tail = journal.tail();
    const refused = [
      frameBehind({ ...tail, position: position(5) }, "wrong position"),
      frameBehind({ ...tail, chain: tail.chain + 1 }, "wrong chain"),
      frameBehind(tail, "an earlier term", 0),
      frameBehind(tail, "cut short").subarray(0, 40),
      Buffer.alloc(RECORD_BYTES_MAX + 1),
    ];
    for (const frame of refused) {
      expect(() => {
        journal.append(tail.position, frame, () => undefined);
      }).toThrow(RangeError);
    }
    await appendAll(journal, ["b"]);
    expect(await bodiesFrom(journal)).toEqual(["a", "b"]);
    await journal.close();
  });
}

function reading(makeRig: () => Promise<JournalRig>): void {
  it("reads from a position to the tail as it was when asked", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a", "b", "c"]);
    expect(await bodiesFrom(journal, 2)).toEqual(["b", "c"]);
    expect(await bodiesFrom(journal, 3)).toEqual(["c"]);
    expect(await bodiesFrom(journal, 4)).toEqual([]);
    const inFlight = append(journal, "d");
    const read = bodiesFrom(journal);
    expect(await inFlight).toEqual({ type: "appended" });
    expect(["a,b,c", "a,b,c,d"]).toContain((await read).join());
    await journal.close();
  });

  it("lets the event loop turn while it reads", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    for (let at = 0; at < 600; at += 1) await append(journal, "x".repeat(20));
    let turns = 0;
    let isReading = true;
    const count = (): void => {
      turns += 1;
      if (isReading) setImmediate(count);
    };
    setImmediate(count);
    let visits = 0;
    let turnsInside = 0;
    await journal.read(position(1), () => {
      visits += 1;
      // Work enough that a reader which never lets go would hold the loop for long.
      const busyUntil = performance.now() + 0.1;
      while (performance.now() < busyUntil);
      if (visits === 1) turnsInside = -turns;
      if (visits === 600) turnsInside += turns;
    });
    isReading = false;
    expect(visits).toBe(600);
    expect(turnsInside).toBeGreaterThan(1);
    await journal.close();
  });

  it("forgets only what is before the position it is told", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const bodies = Array.from({ length: 12 }, (_, ordinal) => `${ordinal}`.repeat(200_000));
    await appendAll(journal, bodies);
    await journal.truncateBefore(position(9));
    expect(await bodiesFrom(journal, 9)).toEqual(bodies.slice(8));
    await expect(bodiesFrom(journal)).rejects.toBeInstanceOf(JournalTruncated);
    await appendAll(journal, ["more"]);
    const tail = journal.tail();
    await journal.close();
    const again = await rig.open();
    expect(again.tail()).toEqual(tail);
    expect(await bodiesFrom(again, 9)).toEqual([...bodies.slice(8), "more"]);
    await expect(bodiesFrom(again)).rejects.toBeInstanceOf(JournalTruncated);
    await again.truncateBefore(position(14));
    expect(again.tail()).toEqual(tail);
    await appendAll(again, ["on"]);
    expect(await bodiesFrom(again, 14)).toEqual(["on"]);
    await again.close();
  });
}

function fencing(makeRig: () => Promise<JournalRig>): void {
  it("I2: refuses an append behind any position but its tail, and everything after", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a", "b"]);
    const frame = frameBehind(journal.tail(), "c");
    let isReturned = false;
    const outcome = await new Promise<AppendOutcome>((resolve) => {
      journal.append(position(1), frame, (answer) => {
        expect(isReturned).toBe(true);
        resolve(answer);
      });
      isReturned = true;
    });
    expect(outcome).toEqual({ type: "stale" });
    expect(await appendFrame(journal, 2, frame)).toEqual({ type: "stale" });
    await journal.close();
    const again = await rig.open();
    expect(await bodiesFrom(again)).toEqual(["a", "b"]);
    await again.close();
  });

  it("I2: has one writer", async () => {
    await using rig = await makeRig();
    const first = await rig.open();
    await appendAll(first, ["a"]);
    if (rig.secondOpening === "locked") {
      await expect(rig.open()).rejects.toBeInstanceOf(JournalLocked);
      await appendAll(first, ["b"]);
    } else {
      const second = await rig.open();
      expect(await append(first, "lost")).toEqual({ type: "stale" });
      expect(await append(first, "lost too")).toEqual({ type: "stale" });
      await appendAll(second, ["b"]);
      await second.close();
    }
    await first.close();
    const again = await rig.open();
    expect(await bodiesFrom(again)).toEqual(["a", "b"]);
    await again.close();
  });
}

function trouble(makeRig: () => Promise<JournalRig>): void {
  it("I1: cuts a torn tail off and goes on behind it", async () => {
    await using rig = await makeRig();
    const bodies = ["a", "b"];
    let journal = await rig.open();
    await appendAll(journal, bodies);
    const torn = frameBehind(journal.tail(), "torn".repeat(50));
    const garbage = Buffer.alloc(3_000, 0xa5);
    const flipped = Buffer.from(torn);
    flipped[60] = 0;
    for (const left of [torn.subarray(0, 1), torn.subarray(0, 35), torn.subarray(0, -1), flipped, garbage]) {
      const { position: at } = journal.tail();
      await journal.close();
      await rig.leaveBehindTail(left);
      journal = await rig.open();
      expect(journal.tail().position).toBe(at);
      expect(await bodiesFrom(journal)).toEqual(bodies);
      bodies.push(`after ${at}`);
      await appendAll(journal, [`after ${at}`]);
    }
    await journal.close();
    const again = await rig.open();
    expect(await bodiesFrom(again)).toEqual(bodies);
    await again.close();
  });

  it("I6: never passes over a damaged record", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a", "b", "c", "d"]);
    await journal.close();
    await rig.damage(position(2));
    const use = async (): Promise<void> => {
      const damaged = await rig.open();
      try {
        await bodiesFrom(damaged);
      } finally {
        await damaged.close();
      }
    };
    await expect(use()).rejects.toBeInstanceOf(JournalDamaged);
    // Opening did not make it worse.
    await rig.damage(position(2));
    const mended = await rig.open();
    expect(await bodiesFrom(mended)).toEqual(["a", "b", "c", "d"]);
    await mended.close();
  });

  it("I9: says when there is no room, writes nothing, and goes on once there is", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a"]);
    await rig.setFull(true);
    expect(await append(journal, "b".repeat(500))).toEqual({ type: "full" });
    expect(await append(journal, "c")).toEqual({ type: "full" });
    expect(await bodiesFrom(journal)).toEqual(["a"]);
    await rig.setFull(false);
    await appendAll(journal, ["d"]);
    await journal.close();
    const again = await rig.open();
    expect(await bodiesFrom(again)).toEqual(["a", "d"]);
    await again.close();
  });

  it("I2: is dead once nobody knows what became of an append", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    await appendAll(journal, ["a"]);
    rig.doubtNextAppend();
    expect((await append(journal, "b")).type).toBe("unknown");
    expect(await append(journal, "c")).toEqual({ type: "stale" });
    await journal.close();
    const again = await rig.open();
    const found = await bodiesFrom(again);
    expect(["a", "a,b"]).toContain(found.join());
    await appendAll(again, ["d"]);
    expect(await bodiesFrom(again)).toEqual([...found, "d"]);
    await again.close();
  });
}

function closing(makeRig: () => Promise<JournalRig>): void {
  it("waits for the append in flight when it closes, and takes no more", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const order: string[] = [];
    journal.append(position(0), frameBehind(EMPTY_TAIL, "a"), (outcome) => {
      order.push(outcome.type);
    });
    const closed = journal.close();
    expect(() => {
      journal.append(position(0), frameBehind(EMPTY_TAIL, "b"), () => undefined);
    }).toThrow("closed");
    await closed;
    order.push("closed");
    expect(order).toEqual(["appended", "closed"]);
    await journal.close();
    const again = await rig.open();
    expect(await bodiesFrom(again)).toEqual(["a"]);
    await again.close();
  });
}
