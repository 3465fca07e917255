// A process's connection to a memory bus, and the trouble a test wants of it. No promise lies on a message's way.
// Owns both directions of the connection and what the process knows of it. `link` is the truth:
//
//   up ──cut──► stalled ──noticeMs──► down ──mend, reconnectMs──► up        crash, close: gone
//    ▲─────mend─────┘                  ▲──────── reset ─────────── up
//
// The process learns of it by its own clock, later; meanwhile it publishes into nothing.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { Line } from "@millrace/clock/line.ts";
import { type Bus, type BusAnswer, BusCut, type BusMessage, MESSAGE_BYTES_MAX, type Unsubscribe } from "../bus.ts";
import { Requests } from "../requests.ts";
import { checkPattern, checkSubject } from "../subject.ts";
import type { MemoryBus, Peer } from "./hub.ts";

export interface MemoryBusHandleParts {
  readonly hub: MemoryBus;
  readonly name: string;
  /** Tells handles of one name apart. */
  readonly serial: number;
  /** The process's. */
  readonly clock: Clock;
  /** The hub's: the network and the server go on when the process does not. */
  readonly network: Clock;
}

type Command =
  | { readonly type: "subscribe"; readonly listener: number; readonly pattern: string }
  | { readonly type: "unsubscribe"; readonly listener: number }
  | { readonly type: "publish"; readonly message: BusMessage & { readonly type: "message" } }
  | { readonly type: "ping"; readonly ping: Ping };

type Arrival =
  | { readonly type: "heard"; readonly listener: number; readonly message: BusMessage }
  | { readonly type: "pong"; readonly ping: Ping };

interface Ping {
  readonly resolve: () => void;
  readonly reject: (error: BusCut) => void;
}

interface Listener {
  readonly pattern: string;
  readonly heard: (message: BusMessage) => void;
}

/** What a message weighs beside its data: subjects, sizes. */
const MESSAGE_OVERHEAD_BYTES = 100;

export class MemoryBusHandle implements Bus, Peer {
  readonly name: string;
  readonly inbox: string;
  /** For the hub: what the server knows. */
  readonly listensOn = new Map<number, string>();
  readonly #hub: MemoryBus;
  readonly #clock: Clock;
  readonly #network: Clock;
  readonly #up: Line<Command>;
  readonly #down: Line<Arrival>;
  readonly #requests: Requests;
  readonly #listeners = new Map<number, Listener>();
  readonly #watchers = new Set<(connected: boolean) => void>();
  readonly #pings = new Set<Ping>();
  /** What happened to the connection and the process has not noticed yet; true = it is there again. */
  readonly #unnoticed: boolean[] = [];
  #link: "up" | "stalled" | "down" | "gone" = "up";
  #isCut = false;
  #isPaused = false;
  #isDead = false;
  #connected = true;
  #listenerSerial = 0;
  #cancelNotice: CancelTimer = () => {};
  #isReturning = false;

  constructor({ hub, name, serial, clock, network }: MemoryBusHandleParts) {
    checkSubject(name);
    this.#hub = hub;
    this.name = name;
    this.inbox = `inbox.${name}-${serial}`;
    this.#clock = clock;
    this.#network = network;
    this.#up = new Line(network, (command) => this.#served(command));
    this.#down = new Line(clock, (arrival) => this.#arrived(arrival));
    this.#requests = new Requests(clock, `answers.${name}-${serial}`);
    hub.join(this);
    this.subscribe(this.#requests.pattern, (message) => this.#requests.heard(message));
  }

  get connected(): boolean {
    return this.#connected;
  }

  publish(subject: string, data: Uint8Array, reply = ""): void {
    checkSubject(subject);
    if (reply !== "") checkSubject(reply);
    if (data.length > MESSAGE_BYTES_MAX) {
      throw new RangeError(`A message on ${subject} has ${data.length} bytes, but at most ${MESSAGE_BYTES_MAX} go.`);
    }
    if (this.#up.bytes + data.length > this.#hub.queueBytesMax) return;
    this.#send({ type: "publish", message: { type: "message", subject, data, reply } }, data.length);
  }

  subscribe(pattern: string, heard: (message: BusMessage) => void): Unsubscribe {
    checkPattern(pattern);
    const listener = this.#listenerSerial++;
    this.#listeners.set(listener, { pattern, heard });
    this.#send({ type: "subscribe", listener, pattern });
    return () => {
      if (this.#listeners.delete(listener)) this.#send({ type: "unsubscribe", listener });
    };
  }

  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer> {
    if (this.#isDead) return new Promise(() => {});
    if (this.#link === "gone") return Promise.resolve({ type: "silent" });
    return this.#requests.send((reply) => this.publish(subject, data, reply), timeoutMs);
  }

  onConnection(changed: (connected: boolean) => void): Unsubscribe {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  settled(): Promise<void> {
    if (this.#isDead) return new Promise(() => {});
    if (!this.#connected) return Promise.reject(new BusCut("There is no connection."));
    return new Promise((resolve, reject) => {
      const ping: Ping = { resolve, reject };
      this.#pings.add(ping);
      this.#send({ type: "ping", ping });
    });
  }

  async close(): Promise<void> {
    if (this.#link === "gone") return;
    await this.settled().catch(() => {}); // Without a connection there is nothing to wait for.
    this.#leave("gone");
    this.#listeners.clear();
    this.#watchers.clear();
    this.#requests.silence();
    this.#connected = false;
  }

  /** For the hub: takes a message on its way to the process. */
  deliver(listener: number, message: BusMessage): void {
    const bytes = (message.type === "message" ? message.data.length : 0) + MESSAGE_OVERHEAD_BYTES;
    if (this.#down.bytes + bytes > this.#hub.queueBytesMax) this.reset();
    else this.#down.send({ type: "heard", listener, message }, bytes, this.#hub.delayMs());
  }

  // Trouble.

  /** The network to this process is gone. Mended soon enough, everything under way still arrives. */
  cut(): void {
    this.#isCut = true;
    if (this.#link !== "up") return;
    this.#link = "stalled";
    this.#up.halt();
    this.#down.halt();
    this.#cancelNotice = this.#network.after(this.#hub.noticeMs, () => this.#lose());
  }

  mend(): void {
    this.#isCut = false;
    if (this.#link === "stalled") {
      this.#cancelNotice();
      this.#link = "up";
      this.#up.go();
      if (!this.#isPaused) this.#down.go();
    }
    this.#return();
  }

  /** The connection breaks now, as when its server is killed: what is under way is lost. It comes back by itself. */
  reset(): void {
    if (this.#link === "up" || this.#link === "stalled") this.#lose();
    this.#return();
  }

  /** The process stands still: what it hears waits. */
  pause(): void {
    this.#isPaused = true;
    this.#down.halt();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#link !== "stalled") this.#down.go();
    this.#notice();
    this.#return();
  }

  /** The process dies: it hears and sends nothing more, none of its promises settles, and the server knows at once. */
  crash(): void {
    this.#isDead = true;
    this.#leave("gone");
    this.#listeners.clear();
    this.#watchers.clear();
    this.#requests.abandon();
  }

  #send(command: Command, bytes = 0): void {
    if (this.#link === "up" || this.#link === "stalled") {
      this.#up.send(command, bytes + MESSAGE_OVERHEAD_BYTES, this.#hub.delayMs());
    }
  }

  /** At the server. */
  #served(command: Command): void {
    switch (command.type) {
      case "subscribe":
        this.listensOn.set(command.listener, command.pattern);
        return;
      case "unsubscribe":
        this.listensOn.delete(command.listener);
        return;
      case "publish":
        this.#hub.route(this, command.message);
        return;
      case "ping":
        this.#down.send({ type: "pong", ping: command.ping }, 0, this.#hub.delayMs());
    }
  }

  /** In the process. */
  #arrived(arrival: Arrival): void {
    if (arrival.type === "heard") {
      this.#listeners.get(arrival.listener)?.heard(arrival.message);
    } else {
      this.#pings.delete(arrival.ping);
      arrival.ping.resolve();
    }
  }

  #lose(): void {
    this.#leave("down");
    this.#unnoticed.push(false);
    this.#clock.soon(() => this.#notice());
  }

  #leave(link: "down" | "gone"): void {
    this.#cancelNotice();
    this.#link = link;
    this.#hub.leave(this);
    this.listensOn.clear();
    this.#up.clear();
    this.#down.clear();
  }

  /** Orders the connection back, unless something is still in its way. */
  #return(): void {
    if (this.#link !== "down" || this.#isCut || this.#isReturning) return;
    this.#isReturning = true;
    this.#network.after(this.#hub.reconnectMs, () => {
      this.#isReturning = false;
      if (this.#link !== "down" || this.#isCut || this.#isPaused) return;
      this.#link = "up";
      this.#up.go();
      this.#down.go();
      this.#hub.join(this);
      for (const [listener, { pattern }] of this.#listeners) this.#send({ type: "subscribe", listener, pattern });
      this.#unnoticed.push(true);
      this.#clock.soon(() => this.#notice());
    });
  }

  #notice(): void {
    if (this.#isPaused || this.#link === "gone") return;
    for (let now = this.#unnoticed.shift(); now !== undefined; now = this.#unnoticed.shift()) {
      this.#connected = now;
      if (!now) {
        for (const ping of this.#pings) ping.reject(new BusCut("The connection was lost."));
        this.#pings.clear();
        this.#requests.silence();
      }
      for (const changed of [...this.#watchers]) changed(now);
    }
  }
}
