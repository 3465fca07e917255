// What a memory journal keeps when its process dies, and the trouble a test wants of it.
// Owns the stored frames, the fence between handles and the faults; `open.ts` is the handle.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import type { AppendOutcome, JournalTail } from "../journal.ts";
import { EMPTY_TAIL, RECORD_HEADER_BYTES } from "../record.ts";

/** What goes wrong with one append. */
export type MemoryFault =
  /** It never arrives: nothing is written, and the caller hears `unknown` after {@link LOST_AFTER_MS}. */
  | { readonly type: "lose" }
  /** It arrives only on {@link MemoryLog.release}, and is fenced like any other then. */
  | { readonly type: "delay" }
  /** Its first bytes are written (never all), the caller hears `unknown`. */
  | { readonly type: "tear"; readonly bytes: number }
  /** It arrives twice; the second time must change nothing. */
  | { readonly type: "duplicate" }
  | { readonly type: "unknown"; readonly written: boolean }
  | { readonly type: "stale" }
  | { readonly type: "full" };

/** How long a handle waits for the answer to an append that was lost. */
export const LOST_AFTER_MS = 5_000;

/** The fence of a handle that knows itself to be out: no log ever gives it. */
export const FENCED = 0;

/** An append under way. */
export interface PendingAppend {
  readonly fence: number;
  readonly expected: Position;
  readonly frame: Buffer;
  readonly next: JournalTail;
  readonly fault: MemoryFault | null;
  readonly answer: (outcome: AppendOutcome) => void;
}

/** One shard's stored log. Every journal opened on it shares it, as processes share a disk. */
export class MemoryLog {
  /** How long an append takes to become durable, ms; 0 = a turn of the event loop. */
  latencyMs = 0;
  /** Whether every append finds no room. */
  isFull = false;
  /** How often each fault struck. */
  readonly struck: Record<MemoryFault["type"], number> = {
    lose: 0,
    delay: 0,
    tear: 0,
    duplicate: 0,
    unknown: 0,
    stale: 0,
    full: 0,
  };
  #frames: Buffer[] = [];
  /** The tail before the first frame held. */
  #base: JournalTail = EMPTY_TAIL;
  #tail: JournalTail = EMPTY_TAIL;
  /** Behind the tail: the beginning of a frame that was never whole. */
  #torn: Buffer | null = null;
  #bytes = 0;
  #fence = FENCED;
  #crashes = 0;
  #nextFault: MemoryFault | null = null;
  /** On its way and not durable yet. At most one a handle. */
  #pending = new Set<PendingAppend>();
  /** Called whenever a record became durable. */
  #watchers = new Set<() => void>();
  #held: { readonly append: PendingAppend; readonly clock: Clock }[] = [];

  /** What becomes of the next append that is not stale. Replaces a fault that has not struck yet; null takes it back. */
  failNext(fault: MemoryFault | null): void {
    this.#nextFault = fault;
  }

  /** Lets delayed appends arrive. */
  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { append, clock } of held) this.#arriveLater(append, clock);
  }

  /**
   * The process dies: its handles never answer again and what is not durable is gone, but for the first `bytesKept`
   * bytes of the write under way (all of it, if it has no more).
   */
  crash(bytesKept = 0): void {
    for (const append of this.#pending) {
      if (this.#refuses(append)) continue;
      if (bytesKept >= append.frame.length) this.#store(append);
      else if (bytesKept > 0) this.#torn = append.frame.subarray(0, bytesKept);
    }
    this.#pending.clear();
    this.#held = [];
    this.#fence += 1;
    this.#crashes += 1;
  }

  /** Leaves the beginning of a frame behind the tail, which the next opening cuts off. */
  leaveBehindTail(bytes: Buffer): void {
    this.#torn = bytes;
  }

  /** Flips a bit in the body of a stored record, or in its header if it has none. */
  damage(at: Position): void {
    const frame = this.frame(at);
    if (frame === undefined) throw new RangeError(`No record is held at ${at}.`);
    const byte = Math.min(RECORD_HEADER_BYTES, frame.length - 1);
    frame[byte] = (frame[byte] ?? 0) ^ 1;
  }

  /** For `follow.ts`: calls back whenever a record became durable, until the returned function is called. */
  watch(stored: () => void): () => void {
    this.#watchers.add(stored);
    return () => {
      this.#watchers.delete(stored);
    };
  }

  /** For `open.ts`: fences every older handle, cuts the torn tail off, and returns the new fence. */
  take(): number {
    this.#torn = null;
    this.#fence += 1;
    return this.#fence;
  }

  /** For `open.ts`: takes an append on its way. The answer comes by the clock, or never after a crash. */
  send(sent: Omit<PendingAppend, "fault">, clock: Clock): void {
    const fault = this.#refuses(sent) ? null : this.#nextFault;
    if (fault !== null) {
      this.#nextFault = null;
      this.struck[fault.type] += 1;
    }
    const append: PendingAppend = { ...sent, fault };
    this.#pending.add(append);
    if (fault?.type === "delay") this.#held.push({ append, clock });
    else this.#arriveLater(append, clock);
  }

  /** How often its process died. */
  get crashes(): number {
    return this.#crashes;
  }

  get tail(): JournalTail {
    return this.#tail;
  }

  get base(): JournalTail {
    return this.#base;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of a torn frame behind the tail. */
  get tornBytes(): number {
    return this.#torn?.length ?? 0;
  }

  /** The stored frame at a position; undefined = not held. */
  frame(at: Position): Buffer | undefined {
    return this.#frames[at - this.#base.position - 1];
  }

  /** Drops the oldest frame, which `first` is the tail of. */
  dropFirst(first: JournalTail): void {
    this.#bytes -= this.#frames.shift()?.length ?? 0;
    this.#base = first;
  }

  #arriveLater(append: PendingAppend, clock: Clock): void {
    const arrive = (): void => {
      this.#arrive(append, clock);
    };
    const delayMs = append.fault?.type === "lose" ? LOST_AFTER_MS : this.latencyMs;
    if (delayMs > 0) clock.after(delayMs, arrive);
    else clock.soon(arrive);
  }

  #arrive(append: PendingAppend, clock: Clock): void {
    // A crash came first: nobody is left to answer.
    if (!this.#pending.delete(append)) return;
    append.answer(this.#refuses(append) ? { type: "stale" } : this.#settle(append, clock));
  }

  #settle(append: PendingAppend, clock: Clock): AppendOutcome {
    const { fault } = append;
    if (this.isFull) return { type: "full" };
    switch (fault?.type) {
      case undefined:
      case "delay":
        this.#store(append);
        return { type: "appended" };
      case "duplicate":
        this.#store(append);
        clock.soon(() => {
          if (!this.#refuses(append)) this.#store(append);
        });
        return { type: "appended" };
      case "lose":
        return { type: "unknown", reason: `no answer within ${LOST_AFTER_MS} ms` };
      case "tear":
        this.#torn = append.frame.subarray(0, Math.min(fault.bytes, append.frame.length - 1));
        return { type: "unknown", reason: "the write was cut short" };
      case "unknown":
        if (fault.written) this.#store(append);
        return { type: "unknown", reason: fault.written ? "the answer was lost" : "the request was lost" };
      case "stale":
        return { type: "stale" };
      case "full":
        return { type: "full" };
    }
  }

  #refuses(append: Omit<PendingAppend, "fault">): boolean {
    return append.fence !== this.#fence || append.expected !== this.#tail.position;
  }

  #store(append: PendingAppend): void {
    this.#frames.push(append.frame);
    this.#bytes += append.frame.length;
    this.#tail = append.next;
    for (const stored of this.#watchers) stored();
  }
}

/** The position of the first record held. */
export function firstHeld(log: MemoryLog): Position {
  return position(log.base.position + 1);
}
