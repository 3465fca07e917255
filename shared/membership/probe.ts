import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Members } from "./members.ts";
import { pingSubject } from "./subjects.ts";
import { MISSED_MS, PING_MS } from "./timing.ts";

const NOTHING = new Uint8Array(0);

/** Asks silent processes whether they are there. That nobody listens is the fastest notice of a death. */
export class Probe {
  readonly #bus: Bus;
  readonly #members: Members;
  readonly #asking = new Set<ProcessId>();

  constructor(bus: Bus, members: Members) {
    this.#bus = bus;
    this.#members = members;
  }

  /** Asks if the process has missed heartbeats, or was never heard, and is not known to be lost. */
  ifSilent(process: ProcessId): void {
    const isSilent = this.#members.heard(process) === undefined || this.#members.silentMs(process) >= MISSED_MS;
    if (isSilent && !this.#members.isLost(process)) this.now(process);
  }

  now(process: ProcessId): void {
    if (this.#asking.has(process)) return;
    this.#asking.add(process);
    void this.#bus.request(pingSubject(process), NOTHING, PING_MS).then((answer) => {
      this.#asking.delete(process);
      if (answer.type === "nobody") this.#members.foundNobody(process);
    });
  }
}

/** Answers those who ask for this process. */
export function answerPings(bus: Bus, process: ProcessId): Unsubscribe {
  return bus.subscribe(pingSubject(process), (message: BusMessage) => {
    if (message.type === "message" && message.reply !== "") bus.publish(message.reply, NOTHING);
  });
}
