// The numbers of messages between the slots of this shard and others, and the messages that wait: folded state, rebuilt
// by replay. In memory are ways with messages waiting, and those that changed since the last checkpoint; any other is
// looked up in the store, for over time there may be millions.
//
// 1. `position` is the last record that touched a way's side; what is written to the store carries it.
// 2. A way is dirty from its first change after a checkpoint wrote it until the next one does.
import {
  acknowledge,
  type Sending,
  type Standing,
  send,
  standing,
  type Way,
  wayOf,
} from "@millrace/core/messages/ways.ts";
import { type Position, position, SLOT_COUNT } from "@millrace/model/ids.ts";
import { LANES, type RunMessage } from "@millrace/model/messages.ts";
import type { MessageApplied, MessageEvent, MessagesAcked } from "@millrace/model/run-events.ts";
import type { Store, StoredRow } from "@millrace/store/store.ts";
import { MESSAGES_WAITING_MAX } from "../limits.ts";
import { RoomQueue } from "./room-queue.ts";
import { decodeApplied, decodeSending, gotKey, OPEN_PREFIX, sentKey, wayOfOpenKey } from "./way-rows.ts";

/** The sender's side of a way. */
export interface Outgoing extends Way, Sending {
  position: Position;
  dirty: boolean;
  /** Whether the store has it as one with messages that wait. */
  storedOpen: boolean;
}

/** The receiver's side of a way. */
export interface Incoming extends Way {
  applied: number;
  position: Position;
  dirty: boolean;
}

/** What of a side was written to the store. */
export interface WrittenSide {
  readonly position: Position;
  /** Whether messages waited. */
  readonly open: boolean;
}

const NEVER = position(0);

export class Ways {
  readonly outgoing = new Map<number, Outgoing>();
  readonly incoming = new Map<number, Incoming>();
  readonly room = new RoomQueue();
  readonly #store: Store;
  #waiting = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Messages that wait for their receivers. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether nothing that ends in more messages is begun: no run is taken in, no child is ordered. */
  get full(): boolean {
    return this.#waiting >= MESSAGES_WAITING_MAX;
  }

  /** Takes back what the last checkpoint holds of messages that wait. */
  restore(): void {
    this.#store.rows(OPEN_PREFIX, (row) => {
      const way = outgoingOf(wayOfOpenKey(row.key), row, true);
      this.outgoing.set(nameOf(way), way);
      this.#waiting += way.waiting.length;
    });
  }

  /** Appends a message to its way; returns its number. */
  send(message: RunMessage, at: Position): { readonly way: Outgoing; readonly number: number } {
    const way = this.#outgoing(wayOf(message));
    const number = send(way, message);
    this.#waiting++;
    this.#keep(way, at);
    return { way, number };
  }

  /** Forgets messages that their receiver has. */
  acknowledge(acked: MessagesAcked, at: Position): void {
    const way = this.#outgoing(acked);
    this.#waiting -= acknowledge(way, acked.upTo);
    this.#keep(way, at);
  }

  /** What a message of this number is. */
  standing(way: Way, number: number): Standing {
    return standing(this.#incoming(way).applied, number);
  }

  /** Counts a message that was the next. */
  apply(applied: MessageApplied, at: Position): void {
    const way = this.#incoming(applied);
    way.applied = applied.number;
    this.#keep(way, at);
  }

  /** Folds an event of a record read back, unless the store had it already. */
  replay(event: MessageEvent, at: Position): void {
    switch (event.type) {
      case "message-sent":
        if (isNews(this.#outgoing(wayOf(event.message)), at)) this.send(event.message, at);
        return;
      case "messages-acked":
        if (isNews(this.#outgoing(event), at)) this.acknowledge(event, at);
        return;
      case "message-applied":
        if (isNews(this.#incoming(event), at)) this.apply(event, at);
        return;
    }
  }

  /** Sides that a checkpoint of everything up to now has to write. */
  changed(): (Outgoing | Incoming)[] {
    const all = [...this.outgoing.values(), ...this.incoming.values()];
    return all.filter((side) => side.dirty);
  }

  /** A side is in the store as it was at this position. */
  written(side: Outgoing | Incoming, { position: at, open }: WrittenSide): void {
    if ("waiting" in side) side.storedOpen = open;
    if (side.position !== at) return;
    side.dirty = false;
    if ("waiting" in side && side.waiting.length === 0) this.outgoing.delete(nameOf(side));
    else if (!("waiting" in side)) this.incoming.delete(nameOf(side));
  }

  /** As it is in memory, else in the store; all with messages waiting are in memory. */
  #outgoing(way: Way): Outgoing {
    return this.outgoing.get(nameOf(way)) ?? outgoingOf(way, this.#store.row(sentKey(way)), false);
  }

  #incoming(way: Way): Incoming {
    return this.incoming.get(nameOf(way)) ?? incomingOf(way, this.#store.row(gotKey(way)));
  }

  #keep(side: Outgoing | Incoming, at: Position): void {
    side.position = at;
    side.dirty = true;
    if ("waiting" in side) this.outgoing.set(nameOf(side), side);
    else this.incoming.set(nameOf(side), side);
  }
}

function outgoingOf({ from, to, lane }: Way, row: StoredRow | undefined, storedOpen: boolean): Outgoing {
  const { acked, waiting } = row === undefined ? { acked: 0, waiting: [] } : decodeSending(row.bytes);
  return { from, to, lane, acked, waiting, position: row?.position ?? NEVER, dirty: false, storedOpen };
}

function incomingOf({ from, to, lane }: Way, row: StoredRow | undefined): Incoming {
  const applied = row === undefined ? 0 : decodeApplied(row.bytes);
  return { from, to, lane, applied, position: row?.position ?? NEVER, dirty: false };
}

/** Whether a record at this position says something that the side does not reflect. */
function isNews(side: Outgoing | Incoming, at: Position): boolean {
  return side.position < at || (side.position === at && side.dirty);
}

/** One number a way: 12 bits a slot and one for the lane. */
function nameOf({ from, to, lane }: Way): number {
  return (from * SLOT_COUNT + to) * LANES.length + LANES.indexOf(lane);
}
