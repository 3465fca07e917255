// One session of a gateway with the shard that this process owns: what it asked, and what it is told.
//
// It owns the numbers of the session's frames, the runs the gateway watches, and what waits for the next frame out. It is
// the origin of the gateway's commands, so what is decided for an ended session is told to nobody: the gateway asks again.
// 1. Frames are taken in the order of their numbers, without a gap; `receive` says when there is one.
// 2. Frames out are numbered without a gap.
import type { Bus } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { runId, tenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type {
  FramePart,
  GatewayFrame,
  PullTasks,
  RunQuery,
  ShardFrame,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { HeldAttempt, Origin, Reply, RunEnd, RunView, Watching } from "../link.ts";
import type { LocalShard, TaskHolder } from "../local-shard.ts";
import { ANSWER_LENGTH, endLength, endMessage, replyMessage } from "./codec/answers.ts";
import { Assembly } from "./codec/assembly.ts";
import { readCommands } from "./codec/commands.ts";
import { decodeGatewayFrame, encodeShardFrame, newShardFrame, partsOf } from "./codec/frames.ts";
import { listAnswer, pageLength, queryOf, runAnswer, viewLength } from "./codec/runs.ts";
import { heldOf, owedMessage, TOKEN_LENGTH, taskLength, taskMessage, tokenMessage, tokenOf } from "./codec/tasks.ts";
import {
  CROWDED_RETRY_MS,
  FRAME_LENGTH,
  HOLDING_MAX,
  PARTS_AT_ONCE,
  PULL_SLICE,
  PULLED_LENGTH_MAX,
  WATCHED_MAX,
} from "./limits.ts";

export interface PeerSessionParts {
  readonly shard: LocalShard;
  readonly bus: Bus;
  readonly clock: Clock;
  /** The gateway's number for the session. */
  readonly session: number;
  /** The ownership it is with. */
  readonly term: number;
  /** Whose hands tasks are in. */
  readonly holder: TaskHolder;
  /** Where the gateway hears, and where the bus says that it does not. */
  readonly to: string;
  readonly inbox: string;
}

export class PeerSession implements Origin {
  readonly #parts: PeerSessionParts;
  readonly #assembly = new Assembly();
  readonly #watches = new Map<number, Watching | null>();
  /** Announced so far, until the gateway has said that these are all; null afterwards. */
  #announced: HeldAttempt[] | null = [];
  /** Task types with something new. */
  readonly #news = new Set<string>();
  /** The number of the frame that has to come, and of the last one sent. */
  #next = 2;
  #sent = 0;
  #sentMs = 0;
  #frame = newShardFrame();
  #length = 0;
  #flushDue = false;
  /** Whether parts of a large frame wait for those before them to have left. */
  #isPacing = false;
  #isOver = false;

  /** Welcomes the gateway: its first frame has come. */
  constructor(parts: PeerSessionParts) {
    this.#parts = parts;
    for (const taskType of parts.shard.tasks.demands().keys()) this.#news.add(taskType);
    this.flush();
  }

  get number(): number {
    return this.#parts.session;
  }

  /** Takes the next frame. false = one is missing, or makes no sense: the session is over. */
  receive(frame: GatewayFrame): boolean {
    // The gateway asks again who is there: the welcome is on its way, or lost, and then the next frame tells.
    if (frame.number === 1 && this.#next === 2) {
      this.flush();
      return true;
    }
    if (frame.number !== this.#next) return frame.number < this.#next;
    this.#next++;
    if (frame.part === undefined) {
      if (this.#assembly.isOpen) return false;
      this.#take(frame);
      return true;
    }
    const whole = this.#assembly.add(frame.part);
    if (whole === "more") return true;
    const read = whole === "broken" ? undefined : decodeGatewayFrame(whole);
    if (read !== undefined) this.#take(read);
    return read !== undefined;
  }

  /** Says something if nothing was said since. */
  keepAlive(sinceMs: number): void {
    if (this.#sentMs <= sinceMs) this.flush();
  }

  /** Tasks of this type wait. */
  demand(taskType: string): void {
    this.#news.add(taskType);
    this.#flushSoon();
  }

  withdraw(tokens: readonly TaskToken[]): void {
    this.#frame.withdrawn.push(...tokens.map(tokenMessage));
    this.#grew(tokens.length * TOKEN_LENGTH);
  }

  moved(tokens: readonly TaskToken[]): void {
    this.#frame.moved.push(...tokens.map(tokenMessage));
    this.#grew(tokens.length * TOKEN_LENGTH);
  }

  replied(replies: readonly Reply[]): void {
    for (const reply of replies) this.#frame.replies.push(replyMessage(reply));
    this.#grew(replies.length * ANSWER_LENGTH);
  }

  ended(ends: readonly RunEnd[]): void {
    for (const end of ends) {
      this.#frame.ends.push(endMessage(end));
      this.#grew(endLength(end));
    }
  }

  /** Sends what there is to say, be it nothing. */
  flush(): void {
    // It comes with the frame after the large one that is on its way.
    if (this.#isPacing) return;
    const frame = this.#frame;
    this.#frame = newShardFrame();
    this.#length = 0;
    // What is still answered to an ended session, its gateway has asked again in the next.
    if (this.#isOver) return;
    for (const taskType of this.#news) {
      frame.demands.push({ taskType, tenants: this.#parts.shard.tasks.tenantsWaiting(taskType) });
    }
    this.#news.clear();
    this.#publish(frame);
  }

  /** Nothing is told any more, nor watched. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.shard.forget(this);
    for (const watching of this.#watches.values()) watching?.end();
    this.#watches.clear();
  }

  #take(frame: GatewayFrame): void {
    const { shard, holder } = this.#parts;
    if (frame.returns.length > 0) shard.tasks.giveBack(holder, frame.returns.map(tokenOf));
    this.#hold(frame);
    this.#commands(frame);
    for (const pull of frame.pulls) this.#pull(pull);
    this.#questions(frame);
    for (const query of frame.watches) this.#watch(query);
    for (const ref of frame.taken) this.#watches.get(ref)?.taken();
    for (const ref of frame.unwatches) this.#unwatch(ref);
    for (const { ref, runId: run } of frame.follows) shard.follow(this, ref, runId(run));
    for (const { ref, runId: run } of frame.unfollows) shard.unfollow(this, ref, runId(run));
  }

  #hold({ holding, holdsNoOther }: GatewayFrame): void {
    const attempts = holding.map(heldOf);
    if (this.#announced === null) {
      if (attempts.length > 0 || holdsNoOther) this.#tellHeld(attempts, holdsNoOther);
      return;
    }
    // Beyond the bound they are not known to be held, and will be made by others as well.
    if (this.#announced.length + attempts.length <= HOLDING_MAX) this.#announced.push(...attempts);
    if (!holdsNoOther) return;
    const all = this.#announced;
    this.#announced = null;
    this.#tellHeld(all, true);
  }

  #tellHeld(attempts: readonly HeldAttempt[], isAll: boolean): void {
    const { shard, holder } = this.#parts;
    shard.tasks.hold(holder, attempts, isAll, ({ owed, unwanted, elsewhere }) => {
      this.#frame.owed.push(...owed.map(owedMessage));
      this.#frame.withdrawn.push(...unwanted.map(tokenMessage));
      this.#frame.moved.push(...elsewhere.map(tokenMessage));
      this.#grew((owed.length + unwanted.length + elsewhere.length) * TOKEN_LENGTH);
    });
  }

  #commands(frame: GatewayFrame): void {
    const { shard } = this.#parts;
    readCommands(
      frame,
      (envelope) => shard.submit(this, envelope),
      (ref) => this.replied([{ type: "refused", ref, refusal: newer() }]),
    );
    if (frame.starts.length + frame.results.length + frame.commands.length > 0) shard.wake();
  }

  /** Takes tasks in slices, so that few bytes more than the bound are on their way to a gateway that asks for many. */
  #pull({ ref, taskTypes, credits }: PullTasks): void {
    const { tasks: source } = this.#parts.shard;
    let left = credits;
    let length = 0;
    for (;;) {
      const slice = Math.min(left, PULL_SLICE);
      const tasks = slice === 0 ? [] : source.pull(this.#parts.holder, taskTypes, slice);
      left -= tasks.length;
      const taken = tasks.reduce((sum, task) => sum + taskLength(task), 0);
      length += taken;
      const isEmpty = tasks.length < slice;
      const isLast = isEmpty || left === 0 || length >= PULLED_LENGTH_MAX;
      const rest = isLast && !isEmpty ? this.#demandsOf(taskTypes) : [];
      const released = isLast ? left : 0;
      this.#frame.pulled.push({ ref, tasks: tasks.map(taskMessage), released, isLast, left: rest });
      this.#grew(taken + ANSWER_LENGTH);
      if (isLast) return;
    }
  }

  #demandsOf(taskTypes: readonly string[]): ShardFrame["demands"] {
    const { tasks } = this.#parts.shard;
    return taskTypes
      .map((taskType) => ({ taskType, tenants: tasks.tenantsWaiting(taskType) }))
      .filter(({ tenants }) => tenants > 0);
  }

  #questions({ runQueries, listQueries }: GatewayFrame): void {
    const { shard } = this.#parts;
    for (const { ref, tenant, runId: run } of runQueries)
      shard.run(tenantId(tenant), runId(run), (answer) => {
        this.#frame.runs.push(runAnswer(ref, answer));
        this.#grew(viewLength(answer));
      });
    for (const message of listQueries) {
      const { ref } = message;
      const answered = (answer: Parameters<typeof listAnswer>[1]): void => {
        this.#frame.lists.push(listAnswer(ref, answer));
        this.#grew(pageLength(answer));
      };
      const query = queryOf(message);
      if (query === undefined) answered(newer());
      else shard.list(query, answered);
    }
  }

  #watch({ ref, tenant, runId: run }: RunQuery): void {
    this.#unwatch(ref);
    if (this.#watches.size >= WATCHED_MAX) return this.#changed(ref, crowded());
    // Its first state may come before the shard has handed over how to end it.
    this.#watches.set(ref, null);
    const watching = this.#parts.shard.watch(tenantId(tenant), runId(run), (answer) => {
      if (!this.#watches.has(ref)) return;
      if ("code" in answer) this.#watches.delete(ref);
      this.#changed(ref, answer);
    });
    if (this.#watches.has(ref)) this.#watches.set(ref, watching);
  }

  #changed(ref: number, answer: RunView | Refusal): void {
    this.#frame.changes.push(runAnswer(ref, answer));
    this.#grew(viewLength(answer));
  }

  #unwatch(ref: number): void {
    this.#watches.get(ref)?.end();
    this.#watches.delete(ref);
  }

  #grew(length: number): void {
    this.#length += length;
    if (this.#length >= FRAME_LENGTH) this.flush();
    else this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#parts.clock.soon(() => {
      this.#flushDue = false;
      if (this.#length > 0 || this.#news.size > 0) this.flush();
    });
  }

  #publish(frame: ShardFrame): void {
    const { bus, to, inbox, clock } = this.#parts;
    this.#sentMs = clock.monotonicMs();
    const encoded = encodeShardFrame(this.#numbered(frame));
    const parts = partsOf(encoded);
    if (parts === null) return bus.publish(to, encoded, inbox);
    this.#sent--;
    this.#sendParts(parts);
  }

  /** Some at a time: the bus loses what it cannot hold. */
  #sendParts(parts: readonly FramePart[]): void {
    const { bus, to, inbox } = this.#parts;
    for (const part of parts.slice(0, PARTS_AT_ONCE)) {
      bus.publish(to, encodeShardFrame(this.#numbered({ ...newShardFrame(), part })), inbox);
    }
    const rest = parts.slice(PARTS_AT_ONCE);
    if (rest.length === 0 || this.#isOver) return;
    this.#isPacing = true;
    const goOn = (): void => {
      this.#isPacing = false;
      if (this.#isOver) return;
      this.#sendParts(rest);
      if (this.#length > 0 || this.#news.size > 0) this.#flushSoon();
    };
    // Without a connection the rest is lost, and the gateway begins anew.
    bus.settled().then(goOn, goOn);
  }

  #numbered(frame: ShardFrame): ShardFrame {
    frame.session = this.#parts.session;
    frame.number = ++this.#sent;
    frame.term = this.#parts.term;
    return frame;
  }
}

/** What only a newer version knows waits for an owner of that version, or for the gateway's patience to end. */
function newer(): Refusal {
  const message = "The owner of the shard is of an older version than the gateway and does not know this request.";
  return refusal("SHARD_UNAVAILABLE", { message, fix: "Finish the upgrade, or send again after the delay." });
}

function crowded(): Refusal {
  const message = `${WATCHED_MAX} runs of the shard are watched by this gateway already.`;
  return refusal("SHARD_OVERLOADED", { message, retryDelayMs: CROWDED_RETRY_MS });
}
