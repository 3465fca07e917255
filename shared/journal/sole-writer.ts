// A ledger where there is only one process: over a journal of its own.
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { AppendOutcome, Journal, JournalRecord, JournalTail, OpenJournal } from "./journal.ts";
import type { Ledger, OpenLedger } from "./ledger.ts";
import { encodeRecord } from "./record.ts";

/** Such a journal has no owners to tell apart. */
const TERM = term(1);

/** Makes a ledger of one that only this process can open. */
export function soleWriter(openJournal: OpenJournal): OpenLedger {
  return async (visit) => {
    const sole = new SoleWriter(openJournal, await openJournal(), visit);
    await sole.catchUp();
    return sole;
  };
}

class SoleWriter implements Ledger {
  visited = position(0);
  readonly #openJournal: OpenJournal;
  readonly #visit: (record: JournalRecord) => void;
  #journal: Journal;
  /** Whether nobody knows what became of the last append. */
  #isInDoubt = false;

  constructor(openJournal: OpenJournal, journal: Journal, visit: (record: JournalRecord) => void) {
    this.#openJournal = openJournal;
    this.#journal = journal;
    this.#visit = visit;
  }

  async append(expected: Position, body: Uint8Array, timeMs: number): Promise<AppendOutcome> {
    const tail = this.#journal.tail();
    if (expected !== tail.position || this.#isInDoubt) return { type: "stale" };
    const { frame, record } = framed(tail, body, timeMs);
    const outcome = await new Promise<AppendOutcome>((resolve) => this.#journal.append(expected, frame, resolve));
    if (outcome.type === "appended") this.#see(record);
    else if (outcome.type !== "full") this.#isInDoubt = true;
    return outcome;
  }

  async catchUp(): Promise<void> {
    if (this.#isInDoubt) {
      await this.#journal.close();
      this.#journal = await this.#openJournal();
      this.#isInDoubt = false;
    }
    await this.#journal.read(position(this.visited + 1), (record) => this.#see(record));
  }

  close(): Promise<void> {
    return this.#journal.close();
  }

  #see(record: JournalRecord): void {
    this.visited = record.position;
    this.#visit(record);
  }
}

/** The record behind a tail, as it is written and as it is visited. */
export function framed(
  tail: JournalTail,
  body: Uint8Array,
  timeMs: number,
): { readonly frame: Uint8Array; readonly record: JournalRecord } {
  const head = {
    position: position(tail.position + 1),
    term: TERM,
    timeMs: Math.max(timeMs, tail.timeMs),
    previousChain: tail.chain,
  };
  const { frame, chain } = encodeRecord(head, body);
  return { frame, record: { ...head, chain, body } };
}
