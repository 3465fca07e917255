// This process's lease: until when it may act as the owner of what the map gives it without asking the journal.
//
// 1. It lasts LEASE_MS from when the heartbeat was *sent* that the coordinator answers: however long the answer took, the
//    coordinator knows when the lease is over.
// 2. A grant counts only if the event loop acts on the map it presupposes: what another process was given since is then
//    known here not to be this one's any more.
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Cells } from "./cells.ts";
import type { Grants } from "./grants.ts";
import { BEAT_MS, LEASE_MS } from "./timing.ts";

/** A heartbeat older than a lease is worth nothing. */
const SENT_MAX = Math.ceil(LEASE_MS / BEAT_MS) + 1;

export class Lease {
  readonly #process: ProcessId;
  readonly #cells: Cells;
  /** When the newest heartbeats were sent, by number, oldest first. */
  readonly #sent = new Map<number, number>();
  #epoch = 0;
  #isGivenUp = false;

  constructor(process: ProcessId, cells: Cells) {
    this.#process = process;
    this.#cells = cells;
  }

  /** A heartbeat is about to be sent. */
  sending(seq: number, nowMs: number): void {
    this.#sent.set(seq, nowMs);
    for (const old of this.#sent.keys()) {
      if (this.#sent.size <= SENT_MAX) break;
      this.#sent.delete(old);
    }
  }

  granted({ epoch, mapVersion, seqs }: Grants): void {
    if (epoch < this.#epoch || this.#isGivenUp) return;
    this.#epoch = epoch;
    const sentMs = this.#sent.get(seqs.get(this.#process) ?? 0);
    if (sentMs === undefined || mapVersion > this.#cells.mapVersion) return;
    const untilMs = sentMs + LEASE_MS;
    if (untilMs > this.#cells.leaseUntilMs) this.#cells.leaseUntilMs = untilMs;
  }

  /** Ends it for good. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#cells.leaseUntilMs = 0;
  }
}
