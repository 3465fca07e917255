// What the control of a process and its event loop tell each other without waiting for each other: three numbers in
// memory that both see. Times are ms on the machine's monotonic clock, which all threads of a process read alike.
//
// 1. The control extends the lease only on the terms of a map version that the event loop acts on (`mapVersion`).
// 2. Each number has one writer, and is written and read as a whole.

const LEASE_UNTIL = 0;
const LAST_TURN = 1;
const MAP_VERSION = 2;
const CELLS = 3;

/** Times are kept in whole µs: numbers that are read and written as a whole must be integers. */
const MICROS = 1000;

export class Cells {
  /** To be handed to the other thread. */
  readonly buffer: SharedArrayBuffer;
  readonly #cells: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#cells = new BigInt64Array(buffer);
  }

  /** Until when this process's lease lasts; 0 = it has none. Written by the control. */
  get leaseUntilMs(): number {
    return this.#get(LEASE_UNTIL) / MICROS;
  }

  set leaseUntilMs(timeMs: number) {
    this.#set(LEASE_UNTIL, Math.floor(timeMs * MICROS));
  }

  /** When the event loop turned last. Written by the event loop. */
  get lastTurnMs(): number {
    return this.#get(LAST_TURN) / MICROS;
  }

  set lastTurnMs(timeMs: number) {
    this.#set(LAST_TURN, Math.floor(timeMs * MICROS));
  }

  /** The version of the map that the event loop acts on; 0 = none yet. Written by the event loop. */
  get mapVersion(): number {
    return this.#get(MAP_VERSION);
  }

  set mapVersion(version: number) {
    this.#set(MAP_VERSION, version);
  }

  #get(cell: number): number {
    return Number(Atomics.load(this.#cells, cell));
  }

  #set(cell: number, value: number): void {
    Atomics.store(this.#cells, cell, BigInt(value));
  }
}
