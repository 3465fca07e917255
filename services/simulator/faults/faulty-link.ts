// The way between the shards of a process, with what may happen to messages on it: as on a network, nothing is certain.
import type { Clock } from "@millrace/clock/clock.ts";
import type { Envelope, Origin, Reply } from "@millrace/link/link.ts";

/** What becomes of a message or an answer. */
export type Passage =
  | { readonly type: "passes" }
  | { readonly type: "lost" }
  | { readonly type: "twice" }
  | { readonly type: "late"; readonly delayMs: number };

/** Where faults come in and checkers listen. */
export interface LinkTap {
  message(): Passage;
  answer(): Passage;
  answered(reply: Reply): void;
}

export class FaultyLink {
  readonly #submit: (origin: Origin, batch: readonly Envelope[]) => void;
  readonly #clock: Clock;
  readonly #tap: LinkTap;

  constructor(submit: FaultyLink["submit"], clock: Clock, tap: LinkTap) {
    this.#submit = submit;
    this.#clock = clock;
    this.#tap = tap;
  }

  /** Carries each envelope by itself: of a batch some may be lost. */
  submit(origin: Origin, batch: readonly Envelope[]): void {
    for (const envelope of batch) this.#pass(this.#tap.message(), () => this.#submit(this.#back(origin), [envelope]));
  }

  #back(origin: Origin): Origin {
    return {
      replied: (replies) => {
        for (const reply of replies) {
          this.#tap.answered(reply);
          this.#pass(this.#tap.answer(), () => origin.replied([reply]));
        }
      },
      ended: (ends) => origin.ended(ends),
    };
  }

  #pass(passage: Passage, carry: () => void): void {
    switch (passage.type) {
      case "lost":
        return;
      case "late":
        this.#clock.after(passage.delayMs, carry);
        return;
      case "twice":
        carry();
        return carry();
      case "passes":
        return carry();
    }
  }
}
