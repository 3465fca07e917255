// A client's line to one process: commands out, answers in, each known by its call.
import type { Envelope, Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Call, Observation } from "./checkers/observation.ts";
import type { Server } from "./server.ts";

export type Heard = (reply: Reply) => void;

/** What lines share in a world. */
export interface Exchange {
  /** A number no call had before. */
  nextRef(): number;
  /** The durable tail of the shard a command goes to. */
  sentAt(command: RunCommand): Call["sentAt"];
  see(seen: Observation): void;
  /** Something was told that nobody asked for. */
  blame(problem: string): void;
}

export class Line implements Origin {
  readonly server: Server;
  readonly #exchange: Exchange;
  /** Calls not answered yet. */
  readonly #open = new Map<number, { readonly call: Call; readonly heard: Heard }>();
  /** Starts that want to hear of the end. */
  readonly #waiting = new Map<number, Call>();

  constructor(exchange: Exchange, server: Server) {
    this.#exchange = exchange;
    this.server = server;
  }

  /** Sends commands in one batch; each is answered once, unless the process dies. */
  send(commands: readonly RunCommand[], notifyEnd: boolean, heard: Heard): Call[] {
    const calls = commands.map((command) => {
      const call: Call = { ref: this.#exchange.nextRef(), command, notifyEnd, sentAt: this.#exchange.sentAt(command) };
      this.#open.set(call.ref, { call, heard });
      if (notifyEnd) this.#waiting.set(call.ref, call);
      return call;
    });
    const batch: Envelope[] = calls.map(({ ref, command }) => ({ ref, command, notifyEnd }));
    this.server.node.submit(this, batch);
    return calls;
  }

  replied(replies: readonly Reply[]): void {
    if (this.server.isDead) return;
    for (const reply of replies) {
      const open = this.#open.get(reply.ref);
      if (open === undefined) return this.#exchange.blame(`call ${reply.ref} is answered twice`);
      this.#open.delete(reply.ref);
      if (reply.type === "refused") this.#waiting.delete(reply.ref);
      this.#exchange.see({ type: "reply", call: open.call, reply });
      open.heard(reply);
    }
  }

  ended(ends: readonly RunEnd[]): void {
    if (this.server.isDead) return;
    for (const end of ends) {
      const call = this.#waiting.get(end.ref);
      if (call === undefined) return this.#exchange.blame(`call ${end.ref} hears of an end twice, or was refused`);
      this.#waiting.delete(end.ref);
      this.#exchange.see({ type: "end", call, end });
    }
  }

  /** Calls nobody answered. */
  get unanswered(): Call[] {
    return [...this.#open.values()].map(({ call }) => call);
  }

  /** Starts that were taken and whose end was not told. */
  get waiting(): Call[] {
    return [...this.#waiting.values()].filter(({ ref }) => !this.#open.has(ref));
  }
}
