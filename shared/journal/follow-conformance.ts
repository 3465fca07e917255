// What every follower of a journal must do. Each adapter that has one runs this suite with a rig of its own.
import { type Position, position, term } from "@millrace/model/ids.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { describe, expect, it } from "vitest";
import type { FollowedTo, FollowJournal, Journal, JournalGap, JournalTail } from "./journal.ts";
import { encodeRecord } from "./record.ts";

/** One journal's place, with a follower's way to it. */
export interface FollowRig extends AsyncDisposable {
  open(): Promise<Journal>;
  readonly follow: FollowJournal;
}

const START: FollowedTo = { position: position(0), chain: 0 };

/** Appends records with these bodies and returns the tail behind each. */
async function append(journal: Journal, bodies: readonly string[]): Promise<JournalTail[]> {
  const tails: JournalTail[] = [];
  for (const body of bodies) {
    const tail = journal.tail();
    const head = {
      position: position(tail.position + 1),
      term: term(1),
      timeMs: tail.timeMs + 1,
      previousChain: tail.chain,
    };
    const { frame } = encodeRecord(head, Buffer.from(body));
    const outcome = await new Promise((resolve) => {
      journal.append(tail.position, frame, resolve);
    });
    expect(outcome).toEqual({ type: "appended" });
    tails.push(journal.tail());
  }
  return tails;
}

/** A standby that remembers what it was told. */
class Standby {
  readonly bodies: string[] = [];
  readonly gaps: JournalGap[] = [];
  chain: number | null;
  readonly #follower: ReturnType<FollowJournal>;

  constructor(follow: FollowJournal, behind: FollowedTo) {
    this.chain = behind.chain;
    let isReturned = false;
    let at = behind.position;
    this.#follower = follow({
      behind,
      visit: (record) => {
        expect(isReturned).toBe(true);
        expect(record.position).toBe(at + 1);
        if (this.chain !== null) expect(record.previousChain).toBe(this.chain);
        at = record.position;
        this.chain = record.chain;
        this.bodies.push(Buffer.from(record.body).toString());
      },
      gap: (gap) => this.gaps.push(gap),
    });
    isReturned = true;
  }

  get position(): Position {
    return this.#follower.position();
  }

  /** Resolves when it has visited the record at `at`. */
  reaches(at: number): Promise<unknown> {
    return waitUntil(`the follower to reach ${at}`, () => this.position >= at || this.gaps.length > 0);
  }

  async gap(): Promise<JournalGap | undefined> {
    await waitUntil("the follower to find a gap", () => this.gaps.length > 0);
    return this.gaps[0];
  }

  stop(): void {
    this.#follower.stop();
  }
}

/** Registers the suite for one adapter. */
export function followConformance(adapter: string, makeRig: () => Promise<FollowRig>): void {
  describe(`a follower of the ${adapter} journal`, () => {
    following(makeRig);
    gaps(makeRig);
    takingOver(makeRig);
  });
}

function following(makeRig: () => Promise<FollowRig>): void {
  it("visits what is there, and then what is appended, in order and once", async () => {
    await using rig = await makeRig();
    const early = new Standby(rig.follow, START);
    const journal = await rig.open();
    await append(journal, ["a", "b"]);
    const late = new Standby(rig.follow, START);
    await late.reaches(2);
    await append(journal, ["c", "", "e".repeat(100_000)]);
    for (const standby of [early, late]) {
      await standby.reaches(5);
      expect(standby.bodies).toEqual(["a", "b", "c", "", "e".repeat(100_000)]);
      expect(standby.chain).toBe(journal.tail().chain);
      standby.stop();
    }
    await journal.close();
  });

  it("begins behind the record it is told, whether it knows the chain or not", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const [, second, third] = await append(journal, ["a", "b", "c"]);
    const knowing = new Standby(rig.follow, { position: position(2), chain: second?.chain ?? null });
    const trusting = new Standby(rig.follow, { position: position(1), chain: null });
    const full = new Standby(rig.follow, { position: position(3), chain: third?.chain ?? null });
    await append(journal, ["d"]);
    for (const standby of [knowing, trusting, full]) await standby.reaches(4);
    expect([knowing.bodies, trusting.bodies, full.bodies]).toEqual([["c", "d"], ["b", "c", "d"], ["d"]]);
    for (const standby of [knowing, trusting, full]) standby.stop();
    await journal.close();
  });

  it("goes on through changes of the writer, and through truncation behind it", async () => {
    await using rig = await makeRig();
    const standby = new Standby(rig.follow, START);
    for (const [ordinal, body] of ["a", "b", "c", "d"].entries()) {
      const journal = await rig.open();
      await append(journal, [body]);
      await standby.reaches(ordinal + 1);
      await journal.truncateBefore(position(ordinal + 1));
      await journal.close();
    }
    expect(standby.bodies).toEqual(["a", "b", "c", "d"]);
    expect(standby.gaps).toEqual([]);
    standby.stop();
  });
}

function gaps(makeRig: () => Promise<FollowRig>): void {
  it("I6: says that records are gone which it has not seen", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const tails = await append(journal, ["a", "b", "c", "d"]);
    await journal.truncateBefore(position(4));
    const [first, , third] = tails;
    const standby = new Standby(rig.follow, { position: position(1), chain: first?.chain ?? null });
    expect(await standby.gap()).toEqual({ type: "truncated", first: 4 });
    await append(journal, ["e"]);
    const near = new Standby(rig.follow, { position: position(3), chain: third?.chain ?? null });
    await near.reaches(5);
    expect(near.bodies).toEqual(["d", "e"]);
    expect(standby.bodies).toEqual([]);
    expect(standby.gaps).toHaveLength(1);
    standby.stop();
    near.stop();
    await journal.close();
  });

  it("I6: never goes on behind a record of another journal", async () => {
    await using rig = await makeRig();
    const journal = await rig.open();
    const [first] = await append(journal, ["a", "b"]);
    const chain = (first?.chain ?? 0) ^ 1;
    const standby = new Standby(rig.follow, { position: position(1), chain });
    expect(await standby.gap()).toMatchObject({ type: "damaged" });
    expect(standby.bodies).toEqual([]);
    standby.stop();
    await journal.close();
  });
}

function takingOver(makeRig: () => Promise<FollowRig>): void {
  it("stops at once, and whoever then opens the journal goes on from where it was", async () => {
    await using rig = await makeRig();
    const owner = await rig.open();
    const standby = new Standby(rig.follow, START);
    await append(owner, ["a", "b"]);
    await standby.reaches(2);
    standby.stop();
    await append(owner, ["c", "d"]);
    expect(standby.position).toBe(2);

    const taken = await rig.open();
    expect(taken.tail().position).toBe(4);
    const previous: number[] = [];
    await taken.read(position(3), (record) => {
      previous.push(record.previousChain);
      standby.bodies.push(Buffer.from(record.body).toString());
    });
    expect(standby.bodies).toEqual(["a", "b", "c", "d"]);
    expect(previous[0]).toBe(standby.chain);
    await taken.close();
    await owner.close();
  });

  it("that knows all is at the very tail that opening finds", async () => {
    await using rig = await makeRig();
    const owner = await rig.open();
    const standby = new Standby(rig.follow, START);
    await append(owner, ["a"]);
    await standby.reaches(1);
    standby.stop();
    await owner.close();
    const taken = await rig.open();
    expect(taken.tail()).toMatchObject({ position: standby.position, chain: standby.chain });
    await taken.close();
  });
}
