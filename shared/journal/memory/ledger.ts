// A journal with many writers in memory, for tests and the simulation. Every answer and every visit comes by the clock of
// the process it goes to.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import type { AppendOutcome, JournalRecord, JournalTail } from "../journal.ts";
import type { Ledger, OpenLedger } from "../ledger.ts";
import { EMPTY_TAIL } from "../record.ts";
import { framed } from "../sole-writer.ts";

/** What becomes of an append whose answer gets lost. */
export interface LedgerDoubt {
  readonly written: boolean;
}

/** What all handles share. It outlives their processes. */
export class LedgerLog {
  readonly records: JournalRecord[] = [];
  /** Strikes the next append that would succeed. */
  doubt: LedgerDoubt | null = null;
  /** How long others take to hear of a record, ms. */
  delayMs = 0;
  readonly #listeners = new Set<() => void>();

  get tail(): JournalTail {
    return this.records.at(-1) ?? EMPTY_TAIL;
  }

  add(expected: Position, body: Uint8Array, timeMs: number): AppendOutcome {
    if (expected !== this.tail.position) return { type: "stale" };
    const { doubt } = this;
    this.doubt = null;
    if (doubt?.written !== false) {
      this.records.push(framed(this.tail, Buffer.from(body), timeMs).record);
      for (const listener of this.#listeners) listener();
    }
    return doubt === null ? { type: "appended" } : { type: "unknown", reason: "the answer was lost" };
  }

  /** Calls back after every record; call what it returns to end that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function openMemoryLedger(log: LedgerLog, clock: Clock): OpenLedger {
  return async (visit) => {
    const journal = new MemoryLedger(log, clock, visit);
    await journal.catchUp();
    return journal;
  };
}

class MemoryLedger implements Ledger {
  readonly #log: LedgerLog;
  readonly #clock: Clock;
  readonly #visit: (record: JournalRecord) => void;
  readonly #deaf: () => void;
  #visited = 0;

  constructor(log: LedgerLog, clock: Clock, visit: (record: JournalRecord) => void) {
    this.#log = log;
    this.#clock = clock;
    this.#visit = visit;
    this.#deaf = log.listen(() => clock.after(log.delayMs, () => this.#visitAll()));
  }

  get visited(): Position {
    return position(this.#visited);
  }

  append(expected: Position, body: Uint8Array, timeMs: number): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        const outcome = this.#log.add(expected, body, timeMs);
        if (outcome.type === "appended") this.#visitAll();
        resolve(outcome);
      });
    });
  }

  catchUp(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(() => {
        this.#visitAll();
        resolve();
      });
    });
  }

  close(): Promise<void> {
    this.#deaf();
    return Promise.resolve();
  }

  #visitAll(): void {
    while (this.#visited < this.#log.records.length) {
      const record = this.#log.records[this.#visited++];
      if (record !== undefined) this.#visit(record);
    }
  }
}
