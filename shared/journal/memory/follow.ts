// Following a journal in memory. Woken by the log whenever a record became durable; visits in turns of its own.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import type { FollowOptions, JournalFollower, JournalGap, JournalTail } from "../journal.ts";
import { type DecodedRecord, decodeAlone, decodeRecord } from "../record.ts";
import { firstHeld, type MemoryLog } from "./log.ts";

/** Records visited before a follower yields to the event loop. */
const RECORDS_A_TURN = 256;

/** Follows what `log` holds and will hold. */
export function followMemoryJournal(log: MemoryLog, clock: Clock, options: FollowOptions): JournalFollower {
  return new MemoryFollower(log, clock, options);
}

class MemoryFollower implements JournalFollower {
  readonly #log: MemoryLog;
  readonly #clock: Clock;
  readonly #options: FollowOptions;
  readonly #unwatch: () => void;
  #position: Position;
  /** The last record visited; null before the first. */
  #previous: JournalTail | null = null;
  #isWoken = false;
  #isStopped = false;

  constructor(log: MemoryLog, clock: Clock, options: FollowOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#options = options;
    this.#position = options.behind.position;
    this.#unwatch = log.watch(() => {
      this.#wake();
    });
    this.#wake();
  }

  position(): Position {
    return this.#position;
  }

  stop(): void {
    this.#isStopped = true;
    this.#unwatch();
  }

  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#clock.soon(() => {
      this.#isWoken = false;
      this.#turn();
    });
  }

  #turn(): void {
    for (let visited = 0; !this.#isStopped && this.#position < this.#log.tail.position; visited += 1) {
      if (visited === RECORDS_A_TURN) return this.#wake();
      const next = position(this.#position + 1);
      if (next < firstHeld(this.#log)) return this.#end({ type: "truncated", first: firstHeld(this.#log) });
      const decoded = this.#decode(next);
      if (decoded.type !== "record") {
        const why = decoded.type === "end" ? "it is missing" : decoded.reason;
        return this.#end({ type: "damaged", reason: `record ${next} cannot be read: ${why}` });
      }
      this.#previous = decoded.record;
      this.#position = next;
      this.#options.visit(decoded.record);
    }
  }

  #decode(next: Position): DecodedRecord {
    const frame = this.#log.frame(next) ?? Buffer.alloc(0);
    if (this.#previous !== null) return decodeRecord(frame, 0, this.#previous);
    const decoded = decodeAlone(frame);
    const { chain } = this.#options.behind;
    if (decoded.type !== "record" || chain === null || decoded.record.previousChain === chain) return decoded;
    return { type: "wrong", reason: `it continues chain ${decoded.record.previousChain}, not ${chain}` };
  }

  #end(gap: JournalGap): void {
    this.stop();
    this.#options.gap(gap);
  }
}
