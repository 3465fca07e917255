// One shard as a gateway has it: what was asked of it, and the way to whoever owns it.
//
//   callers ── submit, read, watch, pull ──► books of what is open ── line ──► owner
//           ◄── exactly one answer each ───── (asked, followed, watched, tasks) ◄── answers, facts
//
// It owns what is open and says all of it again whenever the line comes up: after a new owner, a broken session, a new
// connection. It does not own the line's state, and no truth about any run.
// 1. Every command and question is answered once: by an owner, or by a refusal after PATIENCE_MS.
// 2. What an owner may have heard is said again only if that changes nothing. Signals and retries get an ID for that; what
//    cannot be repeated (`resume`) is refused as unavailable instead.
// 3. `done` is a fact whoever says it, and so is an end. Refusals and views count from the line's owner alone.
// 4. A run's end is told once for each start that asked, however often owners tell it.
// 5. Everything kept here has a bound (limits.ts). Tasks and credits are the task channel's.
import type { Clock } from "@millrace/clock/clock.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { Envelope, ListPage, ListQuery, Origin, Reply, RunEnd, RunView, TaskSink, Watching } from "../link.ts";
import { type Asked, AskedBook, type AskedCommand, type SharedRoom } from "./asked.ts";
import { commandLength } from "./codec/commands.ts";
import { type Followed, FollowedEnds } from "./followed.ts";
import { CROWDED_RETRY_MS, FOLLOWED_MAX, FOLLOWS_A_TURN, PATIENCE_MS, RETRY_MS_MIN, WATCHED_MAX } from "./limits.ts";
import type { Line, LineEvents } from "./line.ts";
import { TaskChannel } from "./task-channel.ts";
import { type Changed, type WatchedRun, WatchedRuns } from "./watched.ts";

export interface ChannelParts {
  readonly clock: Clock;
  readonly room: SharedRoom;
  /** The gateway's tasks; null while it has not said where. */
  readonly sink: () => TaskSink | null;
  /** Whether a run belongs to the shard by now. */
  readonly isHere: (runId: RunId) => boolean;
  /** An ID no other command has, for one that came without. */
  readonly mint: () => string;
}

/** What is open in a channel and belongs to another one by now. */
export interface Moved {
  readonly asked: readonly Asked[];
  readonly followed: readonly Followed[];
  readonly watched: readonly WatchedRun[];
}

/** Refs are numbers of 32 bits. */
const REFS = 2 ** 32;
/** What a question takes of a channel's room. */
const QUESTION_LENGTH = 200;
/** How often those who are gone are looked for among those who wait for ends. */
const SWEEP_MS = 10_000;

export class Channel implements LineEvents {
  readonly tasks: TaskChannel;
  readonly #parts: ChannelParts;
  readonly #asked: AskedBook;
  readonly #followed = new FollowedEnds();
  readonly #watched: WatchedRuns;
  #line: Line | null = null;
  /** Commands and questions an owner could not do yet, to be handed in again at this time. */
  #again = new Set<number>();
  #againMs = 0;
  #ref = 0;
  /** Counts the times the line came up, so that what is still being said for one stops with it. */
  #ups = 0;
  #sweptMs = 0;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.#asked = new AskedBook(parts.room);
    this.tasks = new TaskChannel({
      sink: parts.sink,
      isHere: parts.isHere,
      reported: () => this.#reported(),
      line: () => this.#open,
      nextRef: () => this.#nextRef(),
      nowMs: () => this.#nowMs(),
    });
    this.#watched = new WatchedRuns({
      ask: ({ ref, tenant, runId }) => this.#open?.watch(ref, tenant, runId),
      taken: (ref) => this.#open?.taken(ref),
      end: (ref) => this.#open?.unwatch(ref),
      read: (tenant, runId, answer) => this.run(tenant, runId, answer),
    });
  }

  /** The way to the owner from now on; the one before is closed. It has not come up yet, or {@link up} is called. */
  use(line: Line): void {
    const before = this.#line;
    this.#line = null;
    before?.close();
    this.down();
    this.#line = line;
    if (line.isUp) this.up();
  }

  submit(origin: Origin, { ref: originRef, command: given, notifyEnd }: Envelope): void {
    const length = commandLength(given);
    const full =
      notifyEnd && this.#followed.size >= FOLLOWED_MAX ? `${FOLLOWED_MAX} ends are waited for already.` : null;
    const crowded = full ?? this.#asked.crowded(length);
    if (crowded !== null) {
      origin.replied([{ type: "refused", ref: originRef, refusal: overloaded(crowded) }]);
      return;
    }
    const command = this.#named(given);
    this.#ask({
      type: "command",
      ref: this.#nextRef(),
      runId: command.runId,
      length,
      untilMs: this.#nowMs() + PATIENCE_MS,
      sends: 0,
      refusal: null,
      origin,
      originRef,
      command,
      isMinted: command !== given,
      notifyEnd,
    });
  }

  forget(origin: Origin): void {
    this.#followed.forget(origin);
  }

  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    const crowded = this.#asked.crowded(QUESTION_LENGTH);
    if (crowded !== null) return answer(overloaded(crowded));
    this.#ask({ type: "run", ...this.#question(), runId, tenant, answer });
  }

  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    const crowded = this.#asked.crowded(QUESTION_LENGTH);
    if (crowded !== null) return answer(overloaded(crowded));
    this.#ask({ type: "list", ...this.#question(), query, answer });
  }

  watch(tenant: TenantId, runId: RunId, changed: Changed): Watching {
    if (this.#watched.size >= WATCHED_MAX) {
      changed(overloaded(`${WATCHED_MAX} runs of the shard are watched already.`));
      return { taken() {}, end() {} };
    }
    return this.#watched.watch(this.#nextRef(), tenant, runId, { changed, nowMs: this.#nowMs() });
  }

  /** Takes out what does not belong here any more. Questions to all shards are left out: whoever asks starts anew. */
  evict(): Moved {
    const isLeaving = (runId: RunId): boolean => !this.#parts.isHere(runId);
    const asked = [...this.#asked.all()].filter((each) => each.type !== "list" && isLeaving(each.runId));
    for (const each of asked) this.#asked.remove(each);
    const followed = [...this.#followed.all()].filter(({ runId }) => isLeaving(runId));
    for (const { ref } of followed) this.#followed.take(ref);
    return { asked, followed, watched: this.#watched.evict(isLeaving) };
  }

  /** Takes over what another channel has let go of. */
  adopt({ asked, followed, watched }: Moved): void {
    for (const each of asked) this.#ask({ ...each, ref: this.#nextRef() });
    for (const each of followed) this.#follow({ ...each, ref: this.#nextRef() });
    for (const run of watched) this.#watched.adopt(run, this.#nextRef());
  }

  /** Nothing is asked here any more; what is open and was not moved is refused. */
  close(reason: string): void {
    const line = this.#line;
    this.#line = null;
    line?.close();
    this.down();
    for (const asked of [...this.#asked.all()]) {
      this.#asked.remove(asked);
      refuse(asked, unavailable(reason));
    }
    this.#watched.close(unavailable(reason));
  }

  tick(nowMs: number): void {
    for (const asked of this.#asked.expire(nowMs)) refuse(asked, asked.refusal ?? unavailable(NO_ANSWER));
    this.tasks.tick(nowMs);
    this.#watched.tick(nowMs, unavailable(NO_ANSWER));
    if (this.#again.size > 0 && nowMs >= this.#againMs && this.#open !== null) {
      const again = this.#again;
      this.#again = new Set();
      for (const ref of again) {
        const asked = this.#asked.get(ref);
        if (asked !== undefined) this.#send(asked);
      }
    }
    if (this.#followed.isStale && nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs);
    this.#line?.tick(nowMs);
  }

  // What the line says.

  up(): void {
    const ups = ++this.#ups;
    this.#again.clear();
    this.tasks.askHolding();
    for (const asked of [...this.#asked.all()]) this.#sendAgain(asked);
    this.#watched.up();
    this.#followAll([...this.#followed.all()], ups);
  }

  down(): void {
    this.#ups++;
    this.tasks.down();
  }

  runOf(ref: number): RunId | undefined {
    const asked = this.#asked.get(ref);
    return asked?.type === "command" ? asked.runId : undefined;
  }

  replied(replies: readonly Reply[], isLate: boolean): void {
    let origin: Origin | null = null;
    let batch: Reply[] = [];
    for (const reply of replies) {
      const asked = this.#asked.get(reply.ref);
      if (asked?.type !== "command") continue;
      if (reply.type === "refused" && this.#postpones(asked, reply.refusal)) continue;
      this.#asked.remove(asked);
      if (reply.type === "done" && asked.notifyEnd) this.#waitForEnd(asked, reply.runId, isLate);
      if (asked.origin !== origin) {
        if (origin !== null) origin.replied(batch);
        origin = asked.origin;
        batch = [];
      }
      batch.push(answerTo(asked, reply));
    }
    if (origin !== null) origin.replied(batch);
  }

  ended(ends: readonly RunEnd[]): void {
    for (const end of ends) {
      const followed = this.#followed.take(end.ref);
      if (followed !== undefined) followed.origin.ended([{ ...end, ref: followed.originRef }]);
    }
  }

  ran(ref: number, answer: RunView | Refusal): void {
    const asked = this.#asked.get(ref);
    if (asked?.type !== "run" || ("code" in answer && this.#postpones(asked, answer))) return;
    this.#asked.remove(asked);
    asked.answer(answer);
  }

  listed(ref: number, answer: ListPage | Refusal): void {
    const asked = this.#asked.get(ref);
    if (asked?.type !== "list" || ("code" in answer && this.#postpones(asked, answer))) return;
    this.#asked.remove(asked);
    asked.answer(answer);
  }

  changed(ref: number, answer: RunView | Refusal): void {
    this.#watched.changed(ref, answer, this.#nowMs());
  }

  get #open(): Line | null {
    return this.#line?.isUp === true ? this.#line : null;
  }

  #nowMs(): number {
    return this.#parts.clock.monotonicMs();
  }

  /** A number nothing open has. */
  #nextRef(): number {
    do this.#ref = (this.#ref + 1) % REFS;
    while (
      this.#asked.get(this.#ref) !== undefined ||
      this.#followed.has(this.#ref) ||
      this.#watched.has(this.#ref) ||
      this.tasks.has(this.#ref)
    );
    return this.#ref;
  }

  #question() {
    const untilMs = this.#nowMs() + PATIENCE_MS;
    return { ref: this.#nextRef(), length: QUESTION_LENGTH, untilMs, sends: 0, refusal: null };
  }

  #ask(asked: Asked): void {
    this.#asked.add(asked);
    if (this.#open !== null) this.#sendAgain(asked);
  }

  /** What may have been heard and cannot be repeated is refused (2). */
  #sendAgain(asked: Asked): void {
    if (asked.sends > 0 && asked.type === "command" && !isRepeatable(asked.command)) {
      this.#asked.remove(asked);
      refuse(asked, unavailable("The shard's owner changed, and nobody knows whether the old one did it."));
    } else this.#send(asked);
  }

  #send(asked: Asked): void {
    const line = this.#open;
    if (line === null) return;
    asked.sends++;
    switch (asked.type) {
      case "command":
        return line.submit(asked.ref, asked.command, asked.notifyEnd);
      case "run":
        return line.run(asked.ref, asked.tenant, asked.runId);
      case "list":
        return line.list(asked.ref, asked.query);
    }
  }

  /** Whether what an owner refuses will be handed in again. */
  #postpones(asked: Asked, refused: Refusal): boolean {
    if (refused.code !== "SHARD_UNAVAILABLE") return false;
    // The owner may have written it and not know.
    if (asked.type === "command" && !isRepeatable(asked.command)) return false;
    asked.refusal = refused;
    this.#again.add(asked.ref);
    const dueMs = this.#nowMs() + Math.max(RETRY_MS_MIN, refused.retryDelayMs);
    this.#againMs = this.#again.size === 1 ? dueMs : Math.max(this.#againMs, dueMs);
    return true;
  }

  #waitForEnd({ ref, origin, originRef }: AskedCommand, runId: RunId, isLate: boolean): void {
    if (this.#followed.isGone(origin)) return;
    this.#followed.add({ ref, origin, originRef, runId });
    // The owner there is now may not have had the start, or may have refused it.
    if (isLate) this.#open?.follow(ref, runId);
  }

  /** Nobody waits any more for the ends of those who are gone, nor will. */
  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    for (const asked of this.#asked.all())
      if (asked.type === "command" && this.#followed.isGone(asked.origin)) asked.notifyEnd = false;
    for (const { ref, runId } of this.#followed.sweep()) this.#open?.unfollow(ref, runId);
  }

  #follow(followed: Followed): void {
    this.#followed.add(followed);
    this.#open?.follow(followed.ref, followed.runId);
  }

  /** Some at a time: there may be a million. */
  #followAll(followed: readonly Followed[], ups: number, from = 0): void {
    if (ups !== this.#ups || from >= followed.length) return;
    for (const { ref, runId } of followed.slice(from, from + FOLLOWS_A_TURN))
      if (this.#followed.has(ref)) this.#open?.follow(ref, runId);
    this.#parts.clock.soon(() => this.#followAll(followed, ups, from + FOLLOWS_A_TURN));
  }

  /** Attempts whose results are on their way. */
  #reported(): TaskToken[] {
    const tokens: TaskToken[] = [];
    for (const asked of this.#asked.all())
      if (asked.type === "command" && asked.command.type === "result") tokens.push(asked.command.result);
    return tokens;
  }

  #named(command: ShardCommand): ShardCommand {
    if (command.type === "signal" && command.signalId === "") return { ...command, signalId: this.#parts.mint() };
    if (command.type === "retry" && command.requestId === "") return { ...command, requestId: this.#parts.mint() };
    return command;
  }
}

const NO_ANSWER = `No owner of the shard answered within ${PATIENCE_MS} ms.`;

function isRepeatable({ type }: ShardCommand): boolean {
  return type !== "resume";
}

/** What this very channel did by handing it in before, nobody has done before it. */
function answerTo(asked: AskedCommand, reply: Reply): Reply {
  const ref = asked.originRef;
  if (reply.type === "refused") return { type: "refused", ref, refusal: reply.refusal };
  const { runId, epoch } = reply;
  const isOwn = asked.isMinted || (asked.command.type === "start" && asked.command.runId === runId);
  return { type: "done", ref, runId, repeated: reply.repeated && !(isOwn && asked.sends > 1), epoch };
}

function refuse(asked: Asked, refused: Refusal): void {
  if (asked.type === "command") asked.origin.replied([{ type: "refused", ref: asked.originRef, refusal: refused }]);
  else asked.answer(refused);
}

function overloaded(message: string): Refusal {
  return refusal("SHARD_OVERLOADED", { message, retryDelayMs: CROWDED_RETRY_MS });
}

function unavailable(message: string): Refusal {
  return refusal("SHARD_UNAVAILABLE", { message });
}
