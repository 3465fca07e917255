// A gateway as the owner of a shard knows it: there, with a session or between two, or gone for a moment.
//
// It is who holds the tasks of the gateway's workers, over all its sessions. What they hold waits again when the gateway
// was gone for longer than its workers may take to come back by another one.
import type { Bus } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { GatewayFrame } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { LocalShard, TaskHolder } from "../local-shard.ts";
import { encodeShardFrame, newShardFrame } from "./codec/frames.ts";
import { GATEWAY_SILENCE_MS_MAX, HOLDER_GRACE_MS, KEEPALIVE_MS } from "./limits.ts";
import { PeerSession } from "./peer-session.ts";

export interface GatewayPeerParts {
  readonly shard: LocalShard;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Where the bus says that this gateway does not hear. */
  readonly inbox: string;
}

type Phase =
  | { readonly type: "there"; heardMs: number }
  /** What its workers hold waits again at `untilMs`. */
  | { readonly type: "gone"; readonly untilMs: number };

export class GatewayPeer implements TaskHolder {
  readonly #parts: GatewayPeerParts;
  readonly #disconnect: () => void;
  #phase: Phase;
  #session: PeerSession | null = null;
  /** The newest session it had. */
  #number = 0;
  /** Where it heard last. */
  #to = "";

  constructor(parts: GatewayPeerParts) {
    this.#parts = parts;
    this.#phase = { type: "there", heardMs: parts.clock.monotonicMs() };
    this.#disconnect = parts.shard.tasks.connect(this);
  }

  /** A frame of the gateway, and where it is to be answered. */
  heard(frame: GatewayFrame, to: string): void {
    const { session, number } = frame;
    if (session < this.#number) return;
    this.#phase = { type: "there", heardMs: this.#parts.clock.monotonicMs() };
    this.#to = to;
    if (number === 1 && session > this.#number) return this.#begin(session);
    this.#number = session;
    if (this.#session?.number === session && this.#session.receive(frame)) return;
    this.endSession();
  }

  /** Makes the gateway begin a new session: this owner has missed something, or knows nothing any more. */
  endSession(): void {
    this.#session?.end();
    this.#session = null;
    if (this.#phase.type !== "there") return;
    const { bus, shard, inbox } = this.#parts;
    const stranger = { ...newShardFrame(), session: this.#number, number: 0, term: shard.term };
    bus.publish(this.#to, encodeShardFrame(stranger), inbox);
  }

  /** The gateway does not hear. */
  gone(): void {
    if (this.#phase.type === "gone") return;
    this.#session?.end();
    this.#session = null;
    this.#phase = { type: "gone", untilMs: this.#parts.clock.monotonicMs() + HOLDER_GRACE_MS };
  }

  /** false = it was gone for too long and is forgotten. */
  tick(nowMs: number): boolean {
    const phase = this.#phase;
    if (phase.type === "there") {
      if (nowMs - phase.heardMs >= GATEWAY_SILENCE_MS_MAX) this.gone();
      else this.#session?.keepAlive(nowMs - KEEPALIVE_MS);
      return true;
    }
    if (nowMs < phase.untilMs) return true;
    this.#parts.shard.tasks.release(this);
    this.#disconnect();
    return false;
  }

  /** The shard is served here no more: says what there is to say, and no more after that. */
  close(): void {
    this.#session?.flush();
    this.#session?.end();
    this.#session = null;
    this.#disconnect();
  }

  // What the shard says of tasks.

  demand(taskType: string): void {
    this.#session?.demand(taskType);
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.#session?.withdraw(tokens);
  }

  moved(tokens: readonly TaskToken[]): void {
    this.#session?.moved(tokens);
  }

  #begin(session: number): void {
    this.#session?.end();
    this.#number = session;
    const { shard, bus, clock, inbox } = this.#parts;
    const { term } = shard;
    this.#session = new PeerSession({ shard, bus, clock, session, term, holder: this, to: this.#to, inbox });
  }
}
