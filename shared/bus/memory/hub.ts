// A bus in memory, for tests and the simulation: the server between the handles of processes, and its weather.
// Owns what the server knows (who listens on what) and how long things take; `handle.ts` is a process's connection.
import type { Clock } from "@millrace/clock/clock.ts";
import type { BusMessage } from "../bus.ts";
import { matches } from "../subject.ts";
import { MemoryBusHandle } from "./handle.ts";

/** A message about to go from the server to one listener. */
export interface Delivery {
  /** Names of handles. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
}

/** A connection as the server sees it. */
export interface Peer {
  readonly name: string;
  /** What it listens on, by the number it gave. */
  readonly listensOn: ReadonlyMap<number, string>;
  deliver(listener: number, message: BusMessage): void;
}

/** As much as a server holds for a client that does not read (NATS: `max_pending`). */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

export class MemoryBus {
  /** How long a message is on its way to the server, and from there to a listener, ms each; 0 = a turn of the event loop. */
  latencyMs = 0;
  /** Up to this much is added to each way, by chance, ms: messages of different publishers overtake one another. */
  jitterMs = 0;
  /** How long a cut connection stalls before both sides give it up and what is under way is lost, ms. */
  noticeMs = 3_000;
  /** How long a lost connection takes to come back once nothing is in its way, ms. */
  reconnectMs = 50;
  /** How much may wait in each direction of a connection, bytes. More is lost towards the server; a listener so slow is cut off. */
  queueBytesMax = QUEUE_BYTES_MAX;
  /** Says which messages get lost on the way to a listener; null = none. */
  loses: ((delivery: Delivery) => boolean) | null = null;
  readonly #clock: Clock;
  readonly #peers = new Set<Peer>();
  #serial = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * A connection of a process, with its own clock if it has one: callbacks come by that, so that they end with the
   * process. `name` is a token of a subject; several may have the same.
   */
  connect(name: string, clock: Clock = this.#clock): MemoryBusHandle {
    return new MemoryBusHandle({ hub: this, name, serial: this.#serial++, clock, network: this.#clock });
  }

  /** For `handle.ts`: from now on it hears what it listens on. */
  join(peer: Peer): void {
    this.#peers.add(peer);
  }

  /** For `handle.ts`: its connection is gone. */
  leave(peer: Peer): void {
    this.#peers.delete(peer);
  }

  /** For `handle.ts`: how long the next message is on its way, one way. */
  delayMs(): number {
    return this.jitterMs > 0 ? this.latencyMs + (this.#clock.random32() % (this.jitterMs + 1)) : this.latencyMs;
  }

  /** For `handle.ts`: a message has reached the server. */
  route(from: Peer, message: BusMessage & { readonly type: "message" }): void {
    let isHeard = false;
    for (const peer of this.#peers) {
      for (const [listener, pattern] of peer.listensOn) {
        if (!matches(pattern, message.subject)) continue;
        isHeard = true;
        if (this.loses?.({ from: from.name, to: peer.name, subject: message.subject }) === true) continue;
        peer.deliver(listener, message);
      }
    }
    if (isHeard || message.reply === "") return;
    for (const [listener, pattern] of from.listensOn) {
      if (matches(pattern, message.reply)) from.deliver(listener, { type: "nobody", subject: message.reply });
    }
  }
}
