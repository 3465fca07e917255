// The journals of a cluster as far as ownership goes: who claimed what, one append after the other.
import type { ProcessId, ShardId } from "@millrace/model/ids.ts";

interface FakeJournal {
  position: number;
  term: number;
  claimant: ProcessId | null;
}

export class FakeJournals {
  readonly #journals = new Map<ShardId, FakeJournal>();

  of(shard: ShardId): Readonly<FakeJournal> {
    return this.#of(shard);
  }

  /** Appends behind `expected`, or does not; with `claimant` a claim of the next term. */
  append(shard: ShardId, expected: number, claimant: ProcessId | null = null): boolean {
    const journal = this.#of(shard);
    if (journal.position !== expected) return false;
    journal.position++;
    if (claimant === null) return true;
    journal.term++;
    journal.claimant = claimant;
    return true;
  }

  #of(shard: ShardId): FakeJournal {
    const journal = this.#journals.get(shard) ?? { position: 0, term: 0, claimant: null };
    this.#journals.set(shard, journal);
    return journal;
  }
}
