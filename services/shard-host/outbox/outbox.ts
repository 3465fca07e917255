// Sends what runs of this shard tell others, until the shards of these have it.
//
//   way   acked │ heard │ under way: one flight of messages, in order │ durable │ decided, its record not durable yet
//
// 1. A message leaves only when its record is durable (I1), and is looked up then.
// 2. A way has at most one flight. What was not answered well, or not at all, is sent again from there.
// 3. What the receiver has is heard at once and journaled in batches; after a crash it is sent again, and answered
//    "repeated".
// 4. The lanes share nothing: starts that wait for room hold up no answer.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { FairQueue } from "@millrace/core/fairness/fair-queue.ts";
import type { Envelope, Origin, Reply } from "@millrace/link/link.ts";
import { LANES, type Lane, type RunMessage } from "@millrace/model/messages.ts";
import type { MessageContent } from "@millrace/model/run-commands.ts";
import type { MessagesAcked } from "@millrace/model/run-events.ts";
import {
  ACK_DELAY_MS,
  ACKS_A_TURN_MAX,
  COPIES_MAX,
  FLIGHT_MESSAGES_MAX,
  FLYING_MAX,
  RESEND_BACKOFF_MS,
  RESEND_BACKOFF_MS_MAX,
  UNANSWERED_MS,
  WOKEN_A_TIME_MAX,
} from "../limits.ts";
import type { Letter } from "../mailbox.ts";
import type { ShardMemory } from "../memory.ts";
import { internal } from "../reactions.ts";
import { Contents, type Copying } from "./contents.ts";
import type { Outgoing } from "./ways.ts";

export interface OutboxScene {
  readonly memory: ShardMemory;
  readonly blobs: Blobs;
  readonly clock: Clock;
  /** The shards of all runs, this one's included. */
  readonly submit: (origin: Origin, batch: readonly Envelope[]) => void;
  /** Puts housekeeping into the shard's own mailbox. */
  readonly post: (letter: Letter) => void;
  /** A blob cannot be read or written now; it is tried again. */
  readonly unreadable: (reason: string) => void;
  /** There is something in the mailbox, or there are acks to be journaled. */
  readonly wake: () => void;
}

/** A message whose record is durable. */
export interface Sent {
  readonly way: Outgoing;
  readonly number: number;
}

/** A way that is being sent on. */
interface Line {
  readonly way: Outgoing;
  /** The receiver has everything up to here. */
  heard: number;
  /** Everything up to here is durable. */
  durable: number;
  state: "idle" | "queued" | "copying" | "flying" | "resting";
  /** Flights in a row that brought nothing. */
  failures: number;
}

/** Messages of a way that are under way together. */
interface Flight {
  readonly line: Line;
  /** Number of the first. */
  readonly first: number;
  readonly messages: readonly RunMessage[];
  /** Numbers of those that the receiver has. */
  readonly done: Set<number>;
  /** The first one's; the others' follow. */
  readonly firstRef: number;
  unanswered: number;
  retryDelayMs: number;
  cancel: CancelTimer;
}

/** Messages with large payloads that are to be copied before they leave. */
interface Departure {
  readonly line: Line;
  readonly messages: readonly RunMessage[];
  readonly contents: readonly (MessageContent | Copying)[];
}

/** Tenants take turns way by way. */
const QUANTUM = 1;

export class Outbox implements Origin {
  readonly #scene: OutboxScene;
  readonly #contents: Contents;
  readonly #lines = new Map<Outgoing, Line>();
  readonly #queues = { start: new FairQueue<Line>(QUANTUM), answer: new FairQueue<Line>(QUANTUM) };
  /** How many messages are under way. */
  readonly #flying: Record<Lane, number> = { start: 0, answer: 0 };
  readonly #flights = new Map<number, Flight>();
  readonly #departures = new FairQueue<Departure>(QUANTUM);
  #copying = 0;
  /** Ways with something heard that is not journaled. */
  readonly #heard = new Set<Line>();
  #lastRef = 0;
  #acksDue = false;
  #ackTimer: CancelTimer | null = null;
  #ended = false;

  constructor(scene: OutboxScene) {
    this.#scene = scene;
    this.#contents = new Contents(scene.memory, scene.blobs, (answer) => {
      if (this.#ended) return;
      scene.post(internal(answer));
      scene.wake();
    });
  }

  /** Whether what was heard has waited long enough for a record of its own. */
  get acksDue(): boolean {
    return this.#acksDue;
  }

  /** After a take-over: all that waits is durable, and nobody knows what of it arrived. */
  takeOver(): void {
    for (const way of this.#scene.memory.ways.outgoing.values())
      if (way.waiting.length > 0) this.#offer(way, way.acked + way.waiting.length);
    this.#depart();
  }

  /** These messages are durable. */
  send(sent: readonly Sent[]): void {
    for (const { way, number } of sent) this.#offer(way, number);
    this.#depart();
  }

  /** Hands over what is to be journaled of what was heard; ways with nothing left are forgotten. */
  takeAcks(journal: (acked: MessagesAcked) => void): void {
    let taken = 0;
    for (const line of this.#heard) {
      if (taken++ === ACKS_A_TURN_MAX) return;
      this.#heard.delete(line);
      const { from, to, lane, waiting } = line.way;
      journal({ type: "messages-acked", from, to, lane, upTo: line.heard });
      if (waiting.length === 0) this.#lines.delete(line.way);
    }
    this.#acksDue = false;
    this.#ackTimer?.();
    this.#ackTimer = null;
    if (taken > 0) this.#wakeAwaiting();
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) {
      const flight = this.#flights.get(reply.ref);
      // It was given up, and is on its way again.
      if (flight === undefined) continue;
      this.#flights.delete(reply.ref);
      flight.unanswered--;
      if (reply.type === "done") flight.done.add(flight.first + reply.ref - flight.firstRef);
      else flight.retryDelayMs = Math.max(flight.retryDelayMs, reply.refusal.retryDelayMs);
      if (flight.unanswered === 0) this.#land(flight);
    }
    this.#depart();
  }

  ended(): void {
    // Nobody asked to hear of ends.
  }

  /** The time of service is over: nothing is sent or listened to any more. */
  end(): void {
    this.#ended = true;
    this.#ackTimer?.();
    for (const flight of this.#flights.values()) flight.cancel();
    this.#flights.clear();
  }

  #offer(way: Outgoing, durable: number): void {
    let line = this.#lines.get(way);
    if (line === undefined) {
      line = { way, heard: way.acked, durable, state: "idle", failures: 0 };
      this.#lines.set(way, line);
    }
    line.durable = durable;
    if (line.state === "idle") this.#queue(line);
  }

  #queue(line: Line): void {
    const { way, heard } = line;
    const next = way.waiting[heard - way.acked];
    line.state = next === undefined || heard >= line.durable ? "idle" : "queued";
    if (next !== undefined && line.state === "queued") this.#queues[way.lane].push(next.tenant, line);
  }

  #depart(): void {
    if (this.#ended) return;
    for (const lane of LANES) {
      while (this.#flying[lane] < FLYING_MAX) {
        const line = this.#queues[lane].take();
        if (line === undefined) break;
        this.#fly(line);
      }
    }
  }

  #fly(line: Line): void {
    const { way, heard, durable } = line;
    const from = heard - way.acked;
    const count = Math.min(durable - heard, FLIGHT_MESSAGES_MAX);
    const messages = way.waiting.slice(from, from + count);
    const contents = messages.map((message) => this.#contents.of(message));
    if (contents.every(isThere)) return this.#submit(line, messages, contents);
    line.state = "copying";
    this.#departures.push(messages[0]?.tenant ?? "", { line, messages, contents });
    this.#copy();
  }

  /** Copies large payloads, a few messages' at a time; what is small does not wait for them. */
  #copy(): void {
    while (this.#copying < COPIES_MAX) {
      const departure = this.#departures.take();
      if (departure === undefined) return;
      this.#copying++;
      const { line, messages } = departure;
      copied(departure).then(
        (contents) => this.#copied(() => this.#submit(line, messages, contents)),
        (error: unknown) => {
          this.#scene.unreadable(error instanceof Error ? error.message : String(error));
          this.#copied(() => this.#rest(line, 0));
        },
      );
    }
  }

  #copied(then: () => void): void {
    if (this.#ended) return;
    this.#copying--;
    then();
    this.#copy();
  }

  #submit(line: Line, messages: readonly RunMessage[], contents: readonly MessageContent[]): void {
    const { from, lane } = line.way;
    const first = line.heard + 1;
    const firstRef = this.#lastRef + 1;
    const flight: Flight = {
      ...{ line, first, messages, done: new Set(), firstRef, unanswered: messages.length, retryDelayMs: 0 },
      cancel: () => {},
    };
    line.state = "flying";
    this.#flying[lane] += messages.length;
    const batch = messages.map(({ tenant, to: runId }, index): Envelope => {
      const ref = ++this.#lastRef;
      this.#flights.set(ref, flight);
      const number = first + index;
      const content = contents[index] ?? null;
      return { ref, command: { type: "message", tenant, runId, from, lane, number, content }, notifyEnd: false };
    });
    flight.cancel = this.#scene.clock.after(UNANSWERED_MS, () => {
      this.#land(flight);
      this.#depart();
    });
    this.#scene.submit(this, batch);
  }

  /** All of a flight is answered, or nobody waits for the rest any more. */
  #land(flight: Flight): void {
    if (this.#ended) return;
    const { line, messages, done } = flight;
    flight.cancel();
    for (const index of messages.keys()) this.#flights.delete(flight.firstRef + index);
    this.#flying[line.way.lane] -= messages.length;
    const before = line.heard;
    while (done.has(line.heard + 1)) line.heard++;
    if (line.heard > before) this.#hear(line);
    if (line.heard > before) line.failures = 0;
    if (done.size === messages.length) this.#queue(line);
    else this.#rest(line, flight.retryDelayMs);
  }

  /** Sends nothing on a way for a while. */
  #rest(line: Line, retryDelayMs: number): void {
    const { clock } = this.#scene;
    line.state = "resting";
    line.failures++;
    clock.after(restMs(line.failures, retryDelayMs, clock.random32()), () => {
      if (this.#ended) return;
      this.#queue(line);
      this.#depart();
    });
  }

  #hear(line: Line): void {
    this.#heard.add(line);
    if (this.#heard.size >= ACKS_A_TURN_MAX) this.#orderAcks();
    else this.#ackTimer ??= this.#scene.clock.after(ACK_DELAY_MS, () => this.#orderAcks());
  }

  #orderAcks(): void {
    if (this.#ended) return;
    this.#acksDue = true;
    this.#scene.wake();
  }

  /** Lets runs that waited for room look again, some at a time. */
  #wakeAwaiting(): void {
    if (this.#ended) return;
    const { memory, post, wake, clock } = this.#scene;
    const { actors, timers, ways } = memory;
    const woken = ways.full ? [] : ways.room.take(WOKEN_A_TIME_MAX);
    for (const { runId, tenant, dueMs } of woken) {
      const actor = dueMs > 0 ? actors.load(runId) : undefined;
      if (actor !== undefined && actor.run.endedMs === 0) timers.order(actor, dueMs);
      post(internal({ type: "advance", tenant, runId, lost: [] }));
    }
    if (woken.length > 0) wake();
    if (woken.length === WOKEN_A_TIME_MAX) clock.soon(() => this.#wakeAwaiting());
  }
}

function isThere(content: MessageContent | Copying): content is MessageContent {
  return typeof content !== "function";
}

/** One after the other: each may have 4 MiB. */
async function copied({ contents }: Departure): Promise<MessageContent[]> {
  const ready: MessageContent[] = [];
  for (const content of contents) ready.push(isThere(content) ? content : await content());
  return ready;
}

/** Exponential backoff, half of it by chance, and never earlier than the receiver asked for. */
function restMs(failures: number, retryDelayMs: number, random: number): number {
  const bound = Math.min(RESEND_BACKOFF_MS_MAX, RESEND_BACKOFF_MS * 2 ** failures);
  return Math.max(retryDelayMs, Math.ceil((bound / 2) * (1 + random / 2 ** 32)));
}
