// One turn: what is decided together, becomes one record, and is answered together once that record is durable.
import { encodeEvents } from "@millrace/codec/events-v1.ts";
import { RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import type { Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import type { Position, RunId } from "@millrace/model/ids.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunEvent, ShardEvent } from "@millrace/model/run-events.ts";
import type { Actor, DispatchedTask } from "./actors.ts";
import type { Letter } from "./mailbox.ts";
import type { Sent } from "./outbox/outbox.ts";

/** A run whose tasks are taken back. */
export interface Withdrawal {
  readonly actor: Actor;
  /** Also ask the workers that hold one to stop. */
  readonly cancel: boolean;
}

/** Messages for one origin. */
interface Outgoing {
  readonly replies: Reply[];
  readonly ends: RunEnd[];
}

export class Turn {
  /** The position its record will have. */
  readonly position: Position;
  /** The record's time, and so the time of all its events. */
  readonly timeMs: number;
  readonly events: RunEvent[] = [];
  readonly reactions: Reaction[] = [];
  /** What the dispatcher is to do once the turn is durable, in the order it was decided. */
  readonly dispatches: (DispatchedTask | Withdrawal)[] = [];
  /** What its runs tell others. */
  readonly sent: Sent[] = [];
  readonly letters: Letter[] = [];
  /** Runs it touched that somebody watches. */
  readonly watched = new Set<RunId>();
  readonly outgoing = new Map<Origin, Outgoing>();
  readonly #body: Buffer;
  #bytes = 0;
  #encoded = 0;
  #lastOrigin: Origin | null = null;
  #last: Outgoing | null = null;

  /** `body`: a buffer of RECORD_BODY_BYTES_MAX that nobody uses until the turn is over. */
  constructor(position: Position, timeMs: number, body: Buffer) {
    this.position = position;
    this.timeMs = timeMs;
    this.#body = body;
  }

  /** The record's body so far. */
  get body(): Uint8Array {
    return this.#body.subarray(0, this.#bytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is nothing to append and nobody to answer. */
  get empty(): boolean {
    return this.letters.length === 0 && this.#bytes === 0;
  }

  /** Puts something of the shard's own into the record: a definition before the run that first uses it, a message sent. */
  note(event: ShardEvent): void {
    this.#append(encodeEvents([event], 0, this.timeMs));
  }

  /** Encodes the events added since the last call, one command's. */
  seal(): void {
    if (this.events.length === this.#encoded) return;
    this.#append(encodeEvents(this.events, this.#encoded, this.timeMs));
    this.#encoded = this.events.length;
  }

  #append(encoded: Buffer): void {
    if (this.#bytes + encoded.length > RECORD_BODY_BYTES_MAX)
      throw new Error(`A command made ${encoded.length} bytes of events, more than a record has room for.`);
    encoded.copy(this.#body, this.#bytes);
    this.#bytes += encoded.length;
  }

  reply(origin: Origin, reply: Reply): void {
    this.#for(origin).replies.push(reply);
  }

  end(origin: Origin, end: RunEnd): void {
    this.#for(origin).ends.push(end);
  }

  #for(origin: Origin): Outgoing {
    if (origin === this.#lastOrigin && this.#last !== null) return this.#last;
    let outgoing = this.outgoing.get(origin);
    if (outgoing === undefined) {
      outgoing = { replies: [], ends: [] };
      this.outgoing.set(origin, outgoing);
    }
    this.#lastOrigin = origin;
    this.#last = outgoing;
    return outgoing;
  }
}
