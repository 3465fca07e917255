// Who coordinates: whoever holds the seat, a key in the cluster's common memory that only compare-and-set changes.
//
//   watching ──seat free, or its holder lost──► campaigning ──put──► holding ──stale──► watching
//                                                                     │ renews every RENEW_MS
//
// 1. The holder may act until AUTHORITY_MS after it *sent* the last renewal that it knows to be stored.
// 2. A successor knows when it heard of the last renewal, which was sent before: by AUTHORITY_MS after that the
//    predecessor acts no more, whether it knows of its successor or not (`predecessorUntilMs`).
// 3. A holder that gives the seat up has stopped acting before.
import type { Clock } from "@millrace/clock/clock.ts";
import type { Kv, KvEntry, KvOutcome, Unwatch } from "@millrace/kv/kv.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Attention } from "./attention.ts";
import type { Members } from "./members.ts";
import { parseSeat, printSeat, SEAT_KEY, type Seat } from "./seat.ts";
import { ANSWER_MS, AUTHORITY_MS, RENEW_MS, SEAT_STALE_MS } from "./timing.ts";
import { within } from "./within.ts";

export interface ElectionParts {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly attention: Attention;
  readonly members: Members;
  readonly process: ProcessId;
  /** Whether this process may coordinate. */
  readonly isCandidate: boolean;
  /** The newest epoch known from elsewhere: the seat may have been deleted. */
  readonly epochMin: () => number;
  readonly malformed: (problem: string) => void;
}

/** The seat as it was seen last. */
interface Seen {
  /** null = there is none, or it makes no sense. */
  readonly seat: Seat | null;
  /** 0 = the key does not exist. */
  readonly revision: number;
  readonly seenMs: number;
  /** The same in attentive time. */
  readonly noticedMs: number;
}

/** This process's time in the seat. */
export interface Tenure {
  readonly epoch: number;
  /** Until when a predecessor may still act. */
  readonly predecessorUntilMs: number;
}

interface Holding extends Tenure {
  revision: number;
  renewals: number;
  untilMs: number;
  sentMs: number;
}

export class Election {
  readonly #parts: ElectionParts;
  #seen: Seen | null = null;
  #isCaughtUp = false;
  #holding: Holding | null = null;
  /** The newest revision of the key that is known. */
  #newest = 0;
  #isWriting = false;
  #isOver = false;
  #unwatch: Unwatch = () => {};

  constructor(parts: ElectionParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#unwatch = this.#parts.kv.watch(
      SEAT_KEY,
      (entry) => this.#learn(entry),
      () => (this.#isCaughtUp = true),
    );
  }

  /** Who holds the seat, as far as is known; null = nobody. */
  get coordinator(): ProcessId | null {
    return this.#holding === null ? (this.#seen?.seat?.process ?? null) : this.#parts.process;
  }

  /** This process's time in the seat while it may act; null = it may not. */
  get tenure(): Tenure | null {
    const holding = this.#holding;
    return holding !== null && this.#parts.clock.monotonicMs() < holding.untilMs ? holding : null;
  }

  /** Renews, or takes what is free. To be called at every heartbeat. */
  tick(): void {
    if (this.#isWriting || this.#isOver || !this.#isCaughtUp) return;
    const holding = this.#holding;
    const nowMs = this.#parts.clock.monotonicMs();
    if (holding === null) {
      if (this.#parts.isCandidate && this.#isFree()) this.#write(this.#campaign());
    } else if (nowMs - holding.sentMs >= RENEW_MS) this.#write(this.#renew(holding));
  }

  /** Gives the seat up, if this process holds it, and takes it no more. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#unwatch();
    const holding = this.#holding;
    this.#holding = null;
    if (holding === null) return;
    // If it fails, a successor finds out by silence.
    await this.#put({ process: null, epoch: holding.epoch, renewals: holding.renewals }, holding.revision);
  }

  #isFree(): boolean {
    const { attention, members, process } = this.#parts;
    const seen = this.#seen;
    // Its own name in a seat it does not hold: a write that came to be after it was given up.
    if (seen === null || seen.seat === null || seen.seat.process === null || seen.seat.process === process) return true;
    return members.isLost(seen.seat.process) || attention.nowMs - seen.noticedMs >= SEAT_STALE_MS;
  }

  async #campaign(): Promise<void> {
    const { clock, process, epochMin } = this.#parts;
    const seen = this.#seen;
    const epoch = Math.max(seen?.seat?.epoch ?? 0, epochMin()) + 1;
    const sentMs = clock.monotonicMs();
    const outcome = await this.#put({ process, epoch, renewals: 0 }, seen?.revision ?? 0);
    if (outcome?.type !== "put") return this.#readBack();
    if (this.#isOver || outcome.revision < this.#newest) return;
    this.#newest = outcome.revision;
    const wasGivenUp = seen === null || seen.seat?.process === null;
    const predecessorUntilMs = wasGivenUp ? sentMs : seen.seenMs + AUTHORITY_MS;
    const untilMs = sentMs + AUTHORITY_MS;
    this.#holding = { epoch, predecessorUntilMs, revision: outcome.revision, renewals: 0, untilMs, sentMs };
  }

  async #renew(holding: Holding): Promise<void> {
    const { clock, process } = this.#parts;
    holding.sentMs = clock.monotonicMs();
    const renewals = holding.renewals + 1;
    const outcome = await this.#put({ process, epoch: holding.epoch, renewals }, holding.revision);
    if (outcome?.type !== "put") return this.#readBack();
    if (this.#holding !== holding) return;
    this.#newest = Math.max(this.#newest, outcome.revision);
    holding.revision = Math.max(holding.revision, outcome.revision);
    holding.renewals = renewals;
    holding.untilMs = holding.sentMs + AUTHORITY_MS;
  }

  /** What became of a write is not known, or somebody else wrote: the key itself must say. */
  async #readBack(): Promise<void> {
    const { kv, clock } = this.#parts;
    const entry = await within(clock, ANSWER_MS, kv.get(SEAT_KEY));
    // If it is out of reach, the next tick tries again, and meanwhile authority runs out by itself.
    if (entry !== undefined) this.#learn(entry);
  }

  #put(seat: Seat, expected: number): Promise<KvOutcome | undefined> {
    const { kv, clock } = this.#parts;
    return within(clock, ANSWER_MS, kv.put(SEAT_KEY, printSeat(seat), expected));
  }

  #write(writing: Promise<void>): void {
    this.#isWriting = true;
    void writing.finally(() => (this.#isWriting = false));
  }

  #learn({ value, revision }: KvEntry): void {
    if (revision <= this.#newest) return;
    this.#newest = revision;
    const seat = this.#parse(value);
    this.#seen = {
      seat,
      revision: value === null ? 0 : revision,
      seenMs: this.#parts.clock.monotonicMs(),
      noticedMs: this.#parts.attention.nowMs,
    };
    const holding = this.#holding;
    if (holding === null) return;
    // A renewal of its own whose answer got lost keeps it in the seat; anything else is somebody else's.
    if (seat?.process === this.#parts.process && seat.epoch === holding.epoch) {
      holding.revision = revision;
      holding.renewals = seat.renewals;
    } else this.#holding = null;
  }

  #parse(value: Uint8Array | null): Seat | null {
    const seat = value === null ? null : parseSeat(value);
    if (seat === null || !("problem" in seat)) return seat;
    this.#parts.malformed(seat.problem);
    return null;
  }
}
