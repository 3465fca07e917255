// What a channel was asked and has not answered, oldest first, within bounds of count and length (I9).
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { ListPage, ListQuery, Origin, RunView } from "../link.ts";
import { ASKED_LENGTH_MAX, ASKED_LENGTH_TOTAL_MAX, ASKED_MAX } from "./limits.ts";

interface Waiting {
  /** The channel's own number for it. */
  readonly ref: number;
  /** What it takes of the channel's room. */
  readonly length: number;
  /** Monotonic ms until when it waits for its answer. */
  readonly untilMs: number;
  /** How often it was handed to an owner, who may have heard it or not. */
  sends: number;
  /** Why an owner could not do it; null = none has said so. */
  refusal: Refusal | null;
}

/** A command. One shape, all fields set at creation: there are tens of thousands a second. */
export interface AskedCommand extends Waiting {
  readonly type: "command";
  readonly runId: RunId;
  readonly origin: Origin;
  /** The origin's own number for it. */
  readonly originRef: number;
  readonly command: ShardCommand;
  /** Whether the command's ID was made here, so that nobody else can have sent it before. */
  readonly isMinted: boolean;
  /** Whether the origin wants to hear of the run's end. */
  notifyEnd: boolean;
}

export interface AskedRun extends Waiting {
  readonly type: "run";
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly answer: (view: RunView | Refusal) => void;
}

export interface AskedList extends Waiting {
  readonly type: "list";
  readonly query: ListQuery;
  readonly answer: (page: ListPage | Refusal) => void;
}

export type Asked = AskedCommand | AskedRun | AskedList;

/** What all channels of a gateway keep together. */
export interface SharedRoom {
  length: number;
}

export class AskedBook {
  /** In order of age, which is the order of `untilMs`. */
  readonly #asked = new Map<number, Asked>();
  readonly #shared: SharedRoom;
  #length = 0;

  constructor(shared: SharedRoom) {
    this.#shared = shared;
  }

  get size(): number {
    return this.#asked.size;
  }

  /** Says why there is no room for one more of this length; null = there is. */
  crowded(length: number): string | null {
    if (this.#asked.size >= ASKED_MAX) return `${ASKED_MAX} calls wait for the shard already.`;
    const isFull = this.#length + length > ASKED_LENGTH_MAX || this.#shared.length + length > ASKED_LENGTH_TOTAL_MAX;
    return isFull ? `Calls of ${this.#length} characters wait for the shard already.` : null;
  }

  add(asked: Asked): void {
    this.#asked.set(asked.ref, asked);
    this.#length += asked.length;
    this.#shared.length += asked.length;
  }

  get(ref: number): Asked | undefined {
    return this.#asked.get(ref);
  }

  /** It is answered. */
  remove({ ref, length }: Asked): void {
    if (!this.#asked.delete(ref)) return;
    this.#length -= length;
    this.#shared.length -= length;
  }

  all(): Iterable<Asked> {
    return this.#asked.values();
  }

  /** Takes out those that have waited long enough. */
  expire(nowMs: number): Asked[] {
    const expired: Asked[] = [];
    for (const asked of this.#asked.values()) {
      if (asked.untilMs > nowMs) break;
      expired.push(asked);
    }
    for (const asked of expired) this.remove(asked);
    return expired;
  }
}
