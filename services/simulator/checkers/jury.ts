// All checkers, and the first thing one of them has to say.
import type { MemoryLog } from "@millrace/journal/memory/log.ts";
import { children } from "./children.ts";
import { ackedMeansDurable } from "./i1-acked-means-durable.ts";
import { oneWriter } from "./i2-one-writer.ts";
import { recordedOnce } from "./i3-recorded-once.ts";
import { endsOnce } from "./i4-ends-once.ts";
import { stateIsTheFold } from "./i5-state-is-the-fold.ts";
import { nothingAckedIsLost } from "./i6-nothing-acked-is-lost.ts";
import { noNeighboursNoise } from "./i7-no-neighbours-noise.ts";
import { badInputIsRefused } from "./i8-bad-input-is-refused.ts";
import { everythingIsBounded } from "./i9-everything-is-bounded.ts";
import { lostBlobsWereLost } from "./lost-blobs-were-lost.ts";
import { type Call, type Checker, type Observation, Violation } from "./observation.ts";
import { owedIsWhatWasAsked } from "./owed-is-what-was-asked.ts";
import { Truth } from "./truth.ts";

export class Jury {
  readonly truth: Truth;
  readonly #logs: readonly MemoryLog[];
  readonly #noise;
  readonly #checkers: readonly Checker[];
  #verdict: Violation | null = null;
  readonly #listen: (seen: Observation) => void;

  /** `listen` hears of everything, too. */
  constructor(logs: readonly MemoryLog[], shardOf: (call: Call) => number, listen: (seen: Observation) => void) {
    this.#logs = logs;
    this.#listen = listen;
    this.truth = new Truth((seen) => this.#judge(seen));
    this.#noise = noNeighboursNoise(shardOf);
    this.#checkers = [
      ackedMeansDurable(),
      oneWriter(),
      recordedOnce(),
      endsOnce(),
      stateIsTheFold(logs.length),
      children(),
      owedIsWhatWasAsked(),
      nothingAckedIsLost(),
      this.#noise,
      badInputIsRefused(),
      everythingIsBounded(),
      lostBlobsWereLost(),
    ];
  }

  /** The first violation; null while all is well. */
  get verdict(): Violation | null {
    return this.#verdict;
  }

  /** A quiet tenant's start was handed in beside a burst. */
  sentBesideBurst(call: Call): void {
    this.#noise.sent(call);
  }

  /** Takes note of what became durable, then of what was seen. */
  see(seen: Observation): void {
    this.follow();
    this.#judge(seen);
  }

  /** Takes note of what became durable. */
  follow(): void {
    try {
      for (const [shard, log] of this.#logs.entries()) this.truth.follow(shard, log);
    } catch (error: unknown) {
      this.blame(error instanceof Violation ? error : new Violation("I5", String(error)));
    }
  }

  blame(violation: Violation): void {
    this.#verdict ??= violation;
  }

  #judge(seen: Observation): void {
    this.#listen(seen);
    for (const checker of this.#checkers) {
      const problem = checker.see(seen, this.truth);
      if (problem !== undefined) this.blame(new Violation(checker.invariant, problem));
    }
  }
}
