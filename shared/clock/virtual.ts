// A clock that only moves when it is told to, for the simulation and for tests.
// It owns virtual time, the queue of callbacks and the seeded randomness; it does not own promises: whoever steps by
// hand drains them (`drain`), `run` does so after every step.
// 1. Callbacks run in order of (due time, seeded tie-break), so one seed is one order, and seeds differ in order.
// 2. Time moves only to the due time of the callback that runs, or by `advance`.
import type { CancelTimer, Clock } from "./clock.ts";
import { Prng } from "./prng.ts";

/** What happened so far. */
export interface ClockCounts {
  /** Callbacks that ran. */
  readonly steps: number;
  /** Calls of `soon`. */
  readonly soons: number;
  /** Calls of `after`. */
  readonly timers: number;
  /** Timers taken back before they fired. */
  readonly cancelled: number;
}

interface Entry {
  readonly dueMs: number;
  readonly tie: number;
  /** Tells entries with equal ties apart. */
  readonly serial: number;
  /** null once it ran or was cancelled. */
  callback: (() => void) | null;
}

/** 2026-01-01T00:00:00Z: virtual time begins at a plausible instant, so that run IDs and dates look real. */
const EPOCH_MS = 1_767_225_600_000;

export class VirtualClock implements Clock {
  readonly #draws: Prng;
  readonly #ties: Prng;
  /** A binary heap, earliest first. */
  readonly #heap: Entry[] = [];
  #elapsedMs = 0;
  #wallOffsetMs = EPOCH_MS;
  #serial = 0;
  #steps = 0;
  #soons = 0;
  #timers = 0;
  #cancelled = 0;

  /** The seed, an integer, decides the order of what is due at one instant and every random number. */
  constructor(seed: number) {
    const root = new Prng(seed);
    this.#draws = root.fork();
    this.#ties = root.fork();
  }

  nowMs(): number {
    return this.#wallOffsetMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    if (!Number.isFinite(delayMs)) throw new RangeError(`A timer's delay must be finite, not ${String(delayMs)} ms.`);
    this.#timers += 1;
    const entry = this.#push(this.#elapsedMs + Math.max(delayMs, 0), callback);
    return () => {
      if (entry.callback === null) return;
      entry.callback = null;
      this.#cancelled += 1;
    };
  }

  soon(callback: () => void): void {
    this.#soons += 1;
    this.#push(this.#elapsedMs, callback);
  }

  random32(): number {
    return this.#draws.next32();
  }

  /** Moves the wall clock alone, forwards or backwards, as an operator or NTP would. */
  jumpWall(deltaMs: number): void {
    this.#wallOffsetMs += deltaMs;
  }

  counts(): ClockCounts {
    return { steps: this.#steps, soons: this.#soons, timers: this.#timers, cancelled: this.#cancelled };
  }

  /** Virtual ms until the next callback; undefined when nothing waits. */
  nextInMs(): number | undefined {
    const next = this.#peek();
    return next === undefined ? undefined : next.dueMs - this.#elapsedMs;
  }

  /** Runs the next callback, moving time to when it is due. False when nothing waits. */
  step(): boolean {
    const next = this.#peek();
    if (next === undefined) return false;
    this.#pop();
    const { callback } = next;
    next.callback = null;
    this.#elapsedMs = next.dueMs;
    this.#steps += 1;
    callback?.();
    return true;
  }

  /**
   * Steps until nothing waits, draining promises before and after each step.
   * Rejects after `stepsMax` steps: something re-arms itself for ever.
   */
  async run(stepsMax = 1_000_000): Promise<void> {
    await drain();
    for (let steps = 0; this.step(); steps += 1) {
      if (steps === stepsMax) throw new Error(`Still not idle after ${String(stepsMax)} steps of the virtual clock.`);
      await drain();
    }
  }

  /** Runs all that is due within `deltaMs`, draining promises, and leaves time exactly that much later. */
  async advance(deltaMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + deltaMs;
    await drain();
    for (let next = this.#peek(); next !== undefined && next.dueMs <= untilMs; next = this.#peek()) {
      this.step();
      await drain();
    }
    this.#elapsedMs = untilMs;
  }

  /** The earliest entry that still has a callback; forgets cancelled ones on the way. */
  #peek(): Entry | undefined {
    let top = this.#heap[0];
    while (top !== undefined && top.callback === null) {
      this.#pop();
      top = this.#heap[0];
    }
    return top;
  }

  #push(dueMs: number, callback: () => void): Entry {
    this.#serial += 1;
    const entry: Entry = { dueMs, tie: this.#ties.next32(), serial: this.#serial, callback };
    const heap = this.#heap;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || before(parent, entry)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
    return entry;
  }

  /** Removes the top of the heap. */
  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (before(last, child)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

/** Resolves when every promise that can settle without a timer or I/O has done so: ticks come after all microtasks. */
export function drain(): Promise<void> {
  return new Promise((resolve) => {
    process.nextTick(resolve);
  });
}

function before(left: Entry, right: Entry): boolean {
  if (left.dueMs !== right.dueMs) return left.dueMs < right.dueMs;
  if (left.tie !== right.tie) return left.tie < right.tie;
  return left.serial < right.serial;
}
