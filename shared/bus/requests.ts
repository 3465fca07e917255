// Requests under way: who waits for which answer, and until when. Shared by the adapters.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { BusAnswer, BusMessage } from "./bus.ts";

interface Waiting {
  readonly cancelTimer: CancelTimer;
  readonly resolve: (answer: BusAnswer) => void;
}

const SILENT: BusAnswer = { type: "silent" };

export class Requests {
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #waiting = new Map<string, Waiting>();
  #serial = 0;

  /** `inbox` is a subject that nobody else listens on or publishes to unasked. */
  constructor(clock: Clock, inbox: string) {
    this.#clock = clock;
    this.#prefix = `${inbox}.`;
  }

  /** What to listen on for the answers. */
  get pattern(): string {
    return `${this.#prefix}*`;
  }

  /** Publishes with a reply subject of the request's own, and resolves to what comes there. Rejects with what it throws. */
  send(publish: (reply: string) => void, timeoutMs: number): Promise<BusAnswer> {
    return new Promise((resolve) => {
      const reply = `${this.#prefix}${(this.#serial++).toString(36)}`;
      publish(reply);
      const cancelTimer = this.#clock.after(timeoutMs, () => this.#end(reply, SILENT));
      this.#waiting.set(reply, { cancelTimer, resolve });
    });
  }

  /** Takes what was heard on the pattern. Answers that nobody waits for any more are dropped. */
  heard(message: BusMessage): void {
    const answer: BusAnswer = message.type === "nobody" ? { type: "nobody" } : { type: "answered", data: message.data };
    this.#end(message.subject, answer);
  }

  /** The connection is gone: no answer will come. */
  silence(): void {
    for (const reply of [...this.#waiting.keys()]) this.#end(reply, SILENT);
  }

  /** Nobody is left to be answered. */
  abandon(): void {
    for (const { cancelTimer } of this.#waiting.values()) cancelTimer();
    this.#waiting.clear();
  }

  #end(reply: string, answer: BusAnswer): void {
    const waiting = this.#waiting.get(reply);
    if (waiting === undefined) return;
    this.#waiting.delete(reply);
    waiting.cancelTimer();
    waiting.resolve(answer);
  }
}
