// The owner of a shard, as gateways in other processes find it on the bus.
//
//   gateways ── frames ──► shard's subject ──► peer (a gateway) ── session ──► shard
//            ◄── frames ── gateway's inbox ◄──────────────────────────────────
//            ◄── "I serve" ── owners' subject
//
// It owns who talks to the shard. It listens while the shard is served here and nowhere else: whoever serves it next is
// found on the same subject.
// 1. Whenever the shard begins to serve, everybody is told, and every session ends: the shard knows of nothing any more
//    that was said in it.
// 2. What the shard may have given out before is given to others only when gateways had the time to say what they have.
// 3. A gateway that does not hear, or says nothing for too long, is gone: what it waited for is forgotten, and what its
//    workers hold waits again by and by.
import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { ShardId, Term } from "@millrace/model/ids.ts";
import type { LocalShard } from "../local-shard.ts";
import { decodeGatewayFrame, encodeAnnouncement } from "./codec/frames.ts";
import { GatewayPeer } from "./gateway-peer.ts";
import { GATEWAYS_MAX, HOLD_BACK_MS, TICK_MS } from "./limits.ts";
import type { LinkSubjects } from "./remote-shards.ts";

export interface ShardServerParts {
  readonly id: ShardId;
  readonly shard: LocalShard;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly subjects: LinkSubjects;
  /** This process, for people. */
  readonly process: string;
}

export class ShardServer {
  readonly #parts: ShardServerParts;
  /** By the name of its process. */
  readonly #peers = new Map<string, GatewayPeer>();
  /** By the last token of the subject where the bus says that it does not hear. */
  readonly #byInbox = new Map<string, GatewayPeer>();
  readonly #inbox: string;
  #stops: readonly Unsubscribe[] = [];
  #cancelTick: CancelTimer = () => {};
  #cancelHoldBack: CancelTimer = () => {};
  #serial = 0;

  constructor(parts: ShardServerParts) {
    this.#parts = parts;
    this.#inbox = `${parts.bus.inbox}.gateways-${parts.id}`;
  }

  /**
   * Listens from now on and says so; for a shard that serves. `holdBackMs`: how long what was given out before waits for
   * gateways to say that they have it ({@link HOLD_BACK_AT_START_MS} if no process served the shard until now).
   * Rejects when the bus is cut; it hears of it when it is back.
   */
  async open(holdBackMs = HOLD_BACK_MS): Promise<void> {
    const { bus, subjects, id, shard } = this.#parts;
    this.#stops = [
      bus.subscribe(`${this.#inbox}.*`, (message) => this.#returned(message)),
      bus.subscribe(subjects.shard(id), (message) => this.#heard(message)),
      shard.onTerm((term) => this.#began(term)),
      // While it was cut off, others may have been told of another owner, or of none.
      bus.onConnection((connected) => {
        if (connected) this.#announce(shard.term);
      }),
    ];
    this.#cancelTick = this.#parts.clock.after(TICK_MS, () => this.#tick());
    this.#holdBack(holdBackMs);
    this.#announce(shard.term);
    await bus.settled();
  }

  /** Listens no more. What the shard has answered by now is sent. */
  close(): void {
    this.#cancelTick();
    this.#cancelHoldBack();
    for (const peer of this.#peers.values()) peer.close();
    for (const stop of this.#stops) stop();
    this.#peers.clear();
    this.#byInbox.clear();
  }

  #began(term: Term): void {
    for (const peer of this.#peers.values()) peer.endSession();
    this.#holdBack(HOLD_BACK_MS);
    this.#announce(term);
  }

  /** What was given out before waits for those who have it to say so. */
  #holdBack(delayMs: number): void {
    const { clock, shard } = this.#parts;
    this.#cancelHoldBack();
    this.#cancelHoldBack = clock.after(delayMs, () => shard.tasks.workersAreBack());
  }

  #announce(term: Term): void {
    const { bus, subjects, id, process } = this.#parts;
    bus.publish(subjects.owner, encodeAnnouncement({ shard: id, term, process }));
  }

  #heard(message: BusMessage): void {
    if (message.type !== "message" || message.reply === "") return;
    const frame = decodeGatewayFrame(message.data);
    if (frame === undefined || frame.gateway === "") return;
    const peer = this.#peers.get(frame.gateway) ?? this.#meet(frame.gateway);
    peer?.heard(frame, message.reply);
  }

  /** A gateway that was not known; beyond the bound it is not answered, as if nobody served here (I9). */
  #meet(gateway: string): GatewayPeer | undefined {
    if (this.#peers.size >= GATEWAYS_MAX) return undefined;
    const { shard, bus, clock } = this.#parts;
    const place = String(++this.#serial);
    const peer = new GatewayPeer({ shard, bus, clock, inbox: `${this.#inbox}.${place}` });
    this.#peers.set(gateway, peer);
    this.#byInbox.set(place, peer);
    return peer;
  }

  #returned(message: BusMessage): void {
    if (message.type === "nobody") this.#byInbox.get(message.subject.slice(this.#inbox.length + 1))?.gone();
  }

  #tick(): void {
    const { clock } = this.#parts;
    this.#cancelTick = clock.after(TICK_MS, () => this.#tick());
    const nowMs = clock.monotonicMs();
    for (const [gateway, peer] of this.#peers) {
      if (peer.tick(nowMs)) continue;
      this.#peers.delete(gateway);
      for (const [place, other] of this.#byInbox) if (other === peer) this.#byInbox.delete(place);
    }
  }
}
