// The way to a shard's owner over the bus: sessions, one after the other, each a conversation without gaps.
//
//   away ── hello (frame 1, empty) ──► ◄── welcome (frame 1) ── joined ── frames in both directions, numbered
//    ▲                                                            │
//    └── nobody · gap · unknown session · silence · cut · newer owner ┘
//
// It owns the session and what is known of who owns the shard. It keeps nothing of what it carries: whoever uses it says
// all that is open again when it comes up.
// 1. While it is up, every frame of the session has arrived in order, in both directions; else it comes down.
// 2. It is up for the newest owner known alone. Of what an older one says, or of what an ended session still brings,
//    only facts are passed on.
// 3. Nothing but hellos is sent to where nobody may listen.
import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { GatewayFrame, ShardFrame } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { HeldAttempt, ListQuery } from "../link.ts";
import { ANSWER_LENGTH } from "./codec/answers.ts";
import { Assembly } from "./codec/assembly.ts";
import { commandLength, putCommand } from "./codec/commands.ts";
import { decodeShardFrame, encodeGatewayFrame, newGatewayFrame, partsOf } from "./codec/frames.ts";
import { queryMessage } from "./codec/runs.ts";
import { heldMessage, TOKEN_LENGTH, tokenMessage } from "./codec/tasks.ts";
import { FRAME_LENGTH, HELLO_MS_MAX, HELLO_MS_MIN, KEEPALIVE_MS, SHARD_SILENCE_MS_MAX } from "./limits.ts";
import type { Line, LineEvents } from "./line.ts";
import { tellAll, tellFacts } from "./shard-frame.ts";

export interface BusLineParts {
  readonly bus: Bus;
  readonly clock: Clock;
  /** Where the shard's owner listens. */
  readonly subject: string;
  /** Where answers are to go: a subject of this line alone, below the bus's inbox. */
  readonly inbox: string;
  /** This process. */
  readonly gateway: string;
  readonly events: LineEvents;
  /** A number for the next session, higher than any the process has used before. */
  readonly nextSession: () => number;
  /** Nobody listens where the owner should. */
  readonly suspect: () => void;
}

type Phase =
  /** Asks who is there: next at `helloMs`, then after twice the wait. */
  | { readonly type: "away"; helloMs: number; waitMs: number }
  /** `next`: the number of the frame that has to come. */
  | { readonly type: "joined"; readonly sinceMs: number; heardMs: number; next: number }
  | { readonly type: "closed" };

export class BusLine implements Line {
  readonly #parts: BusLineParts;
  readonly #assembly = new Assembly();
  readonly #unsubscribe: readonly Unsubscribe[];
  /** Tenants waiting, by task type, as of the newest news. */
  readonly #demands = new Map<string, number>();
  /** Task types of pulls under way. */
  readonly #pulls = new Map<number, readonly string[]>();
  #phase: Phase;
  #session = 0;
  /** The newest ownership known. */
  #term = 0;
  /** Frames sent in this session, and when the last was. */
  #sent = 0;
  #sentMs = 0;
  #frame = newGatewayFrame();
  #length = 0;
  #flushDue = false;

  constructor(parts: BusLineParts) {
    const { bus, inbox } = parts;
    this.#parts = parts;
    this.#phase = { type: "away", helloMs: this.#nowMs(), waitMs: HELLO_MS_MIN };
    this.#unsubscribe = [
      bus.subscribe(inbox, (message) => this.#heard(message)),
      bus.onConnection((connected) => this.#connection(connected)),
    ];
    this.#begin();
  }

  get isUp(): boolean {
    return this.#phase.type === "joined";
  }

  /** Somebody says that it owns the shard in this term. */
  announced(term: number): void {
    if (this.#phase.type === "closed" || term < this.#term) return;
    // Who is joined in that very term has heard of it already.
    if (term === this.#term && this.#phase.type === "joined") return;
    this.#term = term;
    this.#begin();
  }

  submit(ref: number, command: ShardCommand, notifyEnd: boolean): void {
    putCommand(this.#frame, ref, command, notifyEnd);
    this.#grew(commandLength(command));
  }

  run(ref: number, tenant: TenantId, runId: RunId): void {
    this.#frame.runQueries.push({ ref, tenant, runId });
    this.#grew(ANSWER_LENGTH);
  }

  list(ref: number, query: ListQuery): void {
    this.#frame.listQueries.push(queryMessage(ref, query));
    this.#grew(ANSWER_LENGTH);
  }

  watch(ref: number, tenant: TenantId, runId: RunId): void {
    this.#frame.watches.push({ ref, tenant, runId });
    this.#grew(ANSWER_LENGTH);
  }

  taken(ref: number): void {
    this.#frame.taken.push(ref);
    this.#grew(TOKEN_LENGTH);
  }

  unwatch(ref: number): void {
    this.#frame.unwatches.push(ref);
    this.#grew(TOKEN_LENGTH);
  }

  follow(ref: number, runId: RunId): void {
    this.#frame.follows.push({ ref, runId });
    this.#grew(TOKEN_LENGTH);
  }

  unfollow(ref: number, runId: RunId): void {
    this.#frame.unfollows.push({ ref, runId });
    this.#grew(TOKEN_LENGTH);
  }

  tenantsWaiting(taskType: string): number {
    return this.#demands.get(taskType) ?? 0;
  }

  pull(ref: number, taskTypes: readonly string[], credits: number): void {
    this.#pulls.set(ref, taskTypes);
    this.#frame.pulls.push({ ref, taskTypes: [...taskTypes], credits });
    this.#grew(ANSWER_LENGTH + taskTypes.length * TOKEN_LENGTH);
  }

  hold(attempts: readonly HeldAttempt[], isAll: boolean): void {
    // What is held and what goes back may be the same: each frame says one of them, so that the order stays.
    if (this.#frame.returns.length > 0) this.#flush();
    for (const attempt of attempts) {
      this.#frame.holding.push(heldMessage(attempt));
      this.#grew(TOKEN_LENGTH);
    }
    if (isAll) this.#frame.holdsNoOther = true;
    this.#grew(TOKEN_LENGTH);
  }

  giveBack(attempts: readonly TaskToken[]): void {
    if (this.#frame.holding.length > 0) this.#flush();
    for (const attempt of attempts) this.#frame.returns.push(tokenMessage(attempt));
    this.#grew(attempts.length * TOKEN_LENGTH);
  }

  tick(nowMs: number): void {
    const phase = this.#phase;
    if (phase.type === "away" && nowMs >= phase.helloMs) {
      phase.waitMs = Math.min(2 * phase.waitMs, HELLO_MS_MAX);
      this.#hello(phase, nowMs);
    }
    if (phase.type !== "joined") return;
    if (nowMs - phase.heardMs >= SHARD_SILENCE_MS_MAX) this.#begin();
    else if (nowMs - this.#sentMs >= KEEPALIVE_MS) this.#flush();
  }

  close(): void {
    this.#phase = { type: "closed" };
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  /** The session broke: begins the next one, at once unless this one had only just begun. */
  #beginAgain(): void {
    const before = this.#phase;
    const isYoung = before.type === "joined" && this.#nowMs() - before.sinceMs < HELLO_MS_MIN;
    this.#begin(isYoung ? HELLO_MS_MIN : 0);
  }

  /** Begins the next session after this time. */
  #begin(delayMs = 0): void {
    const before = this.#phase;
    if (before.type === "closed") return;
    const nowMs = this.#nowMs();
    this.#session = this.#parts.nextSession();
    this.#sent = 0;
    this.#frame = newGatewayFrame();
    this.#length = 0;
    this.#demands.clear();
    this.#pulls.clear();
    this.#assembly.clear();
    const phase: Phase & { type: "away" } = { type: "away", helloMs: nowMs + delayMs, waitMs: HELLO_MS_MIN };
    this.#phase = phase;
    if (before.type === "joined") this.#parts.events.down();
    if (delayMs === 0) this.#hello(phase, nowMs);
  }

  /** The first frame of a session, until it is answered. */
  #hello(phase: Phase & { type: "away" }, nowMs: number): void {
    phase.helloMs = nowMs + phase.waitMs;
    if (!this.#parts.bus.connected) return;
    this.#sent = 0;
    this.#publish(newGatewayFrame());
  }

  #connection(connected: boolean): void {
    if (connected) return this.#begin();
    // What was under way is lost, and nobody says so.
    const before = this.#phase;
    if (before.type !== "joined") return;
    this.#phase = { type: "away", helloMs: this.#nowMs(), waitMs: HELLO_MS_MIN };
    this.#parts.events.down();
  }

  #grew(length: number): void {
    this.#length += length;
    if (this.#length >= FRAME_LENGTH) this.#flush();
    else if (!this.#flushDue) {
      this.#flushDue = true;
      this.#parts.clock.soon(() => {
        this.#flushDue = false;
        if (this.#length > 0) this.#flush();
      });
    }
  }

  #flush(): void {
    if (this.#phase.type !== "joined") return;
    const frame = this.#frame;
    this.#frame = newGatewayFrame();
    this.#length = 0;
    this.#publish(frame);
  }

  #publish(frame: GatewayFrame): void {
    const { bus, subject, inbox } = this.#parts;
    this.#sentMs = this.#nowMs();
    const encoded = encodeGatewayFrame(this.#numbered(frame));
    const parts = partsOf(encoded);
    if (parts === null) return bus.publish(subject, encoded, inbox);
    this.#sent--;
    for (const part of parts) {
      bus.publish(subject, encodeGatewayFrame(this.#numbered({ ...newGatewayFrame(), part })), inbox);
    }
  }

  #numbered(frame: GatewayFrame): GatewayFrame {
    frame.session = this.#session;
    frame.number = ++this.#sent;
    frame.gateway = this.#parts.gateway;
    return frame;
  }

  #heard(message: BusMessage): void {
    if (this.#phase.type === "closed") return;
    if (message.type === "nobody") return this.#nobody();
    // Bytes that cannot be read are as good as lost: the next frame shows a gap.
    const frame = decodeShardFrame(message.data);
    if (frame !== undefined) this.#frameOf(frame);
  }

  #nobody(): void {
    const before = this.#phase;
    this.#parts.suspect();
    if (before.type !== "joined") return;
    // It asks again by and by, or when somebody says that it serves.
    this.#begin();
  }

  #frameOf(frame: ShardFrame): void {
    const { session, number, term } = frame;
    const phase = this.#phase;
    const isCurrent = session === this.#session && term >= this.#term;
    if (isCurrent && phase.type === "away" && number === 1) return this.#join(frame);
    if (isCurrent && phase.type === "joined" && term === this.#term && number === phase.next) {
      phase.next++;
      phase.heardMs = this.#nowMs();
      return this.#take(frame);
    }
    tellFacts(frame, this.#parts.events);
    if (term > this.#term) this.announced(term);
    // A gap, or a session nobody knows; what comes a second time is passed over.
    else if (isCurrent && (phase.type !== "joined" || number === 0 || number > phase.next)) this.#beginAgain();
  }

  #join(frame: ShardFrame): void {
    const nowMs = this.#nowMs();
    this.#term = frame.term;
    this.#phase = { type: "joined", sinceMs: nowMs, heardMs: nowMs, next: 2 };
    this.#parts.events.up();
    this.#take(frame);
  }

  /** The next frame of the session, or a part of it. */
  #take(frame: ShardFrame): void {
    if (frame.part === undefined) {
      // A frame that breaks into another one's parts: one of the two sides is mistaken.
      if (this.#assembly.isOpen) return this.#beginAgain();
      return tellAll(frame, this.#parts.events, { demands: this.#demands, pulls: this.#pulls });
    }
    const whole = this.#assembly.add(frame.part);
    if (whole === "more") return;
    const read = whole === "broken" ? undefined : decodeShardFrame(whole);
    if (read === undefined) this.#beginAgain();
    else tellAll(read, this.#parts.events, { demands: this.#demands, pulls: this.#pulls });
  }
}
