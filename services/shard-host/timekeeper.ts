// Turns due timers into letters. Keeps those due within the window in memory and reads the next ones from the store.
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import { resume } from "@millrace/core/run/resume.ts";
import { RUN_ID_CHARS } from "@millrace/core/run-id.ts";
import { runId, tenantId } from "@millrace/model/ids.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { DueTimer, Store } from "@millrace/store/store.ts";
import { type Actor, OWED_AT_ONCE_MS } from "./actors.ts";
import type { Commit } from "./commit.ts";
import { STORE_PAGE, TIMER_WINDOW_MS } from "./limits.ts";
import type { Mailbox } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import { internal, perform } from "./reactions.ts";

export interface TimekeeperScene {
  readonly memory: ShardMemory;
  readonly store: Store;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly commit: Commit;
  /** Something was put into the mailbox. */
  readonly wake: () => void;
  /** Calls back when every record is acked; nothing new is decided until then. */
  readonly hold: (quiet: () => void) => void;
}

/** Due timers put into the mailbox at a time; the rest follow when these are taken (I7). */
const DUE_BATCH = 512;
/** Sorts behind every run ID: a page that starts after it starts with the next instant. */
const LAST_RUN_ID = runId("z".repeat(RUN_ID_CHARS));
const NO_TENANT = tenantId("");
/** The longest delay a timer of the platform takes. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export class Timekeeper {
  readonly #scene: TimekeeperScene;
  #cancel: CancelTimer | null = null;
  #armedMs = Number.POSITIVE_INFINITY;
  #cancelWindow: CancelTimer | null = null;
  #ended = false;

  constructor(scene: TimekeeperScene) {
    this.#scene = scene;
  }

  /** After a take-over: gives every live run what it is owed, those in memory first, then those the store names. */
  takeOver(): void {
    const { memory } = this.#scene;
    memory.timers.windowMs = this.#scene.clock.nowMs() + TIMER_WINDOW_MS;
    this.#resume(memory.actors.live.values());
    this.#readWindow(null);
  }

  /** Makes sure the platform wakes us for the earliest timer. */
  arm(): void {
    if (this.#ended) return;
    const { clock, memory } = this.#scene;
    const dueMs = memory.timers.nextMs;
    if (dueMs === undefined || dueMs >= this.#armedMs) return;
    this.#cancel?.();
    this.#armedMs = dueMs;
    this.#cancel = clock.after(Math.min(DELAY_MS_MAX, Math.max(0, dueMs - clock.nowMs())), () => this.#due());
  }

  end(): void {
    this.#ended = true;
    this.#cancel?.();
    this.#cancelWindow?.();
  }

  #due(): void {
    this.#armedMs = Number.POSITIVE_INFINITY;
    if (this.#ended) return;
    const { clock, memory, mailbox, wake } = this.#scene;
    const nowMs = clock.nowMs();
    for (let room = DUE_BATCH - mailbox.housekeeping; room > 0; room--) {
      const timer = memory.timers.take(nowMs);
      if (timer === undefined) break;
      // A run in memory that is to be looked at only later: this timer has been overtaken.
      if ((memory.actors.live.get(timer.runId)?.armedMs ?? 0) > timer.dueMs) continue;
      mailbox.push(internal({ type: "timer-due", tenant: timer.tenant, runId: timer.runId }));
    }
    if (mailbox.size > 0) wake();
    // Otherwise the turns that take these arm it again.
    if (mailbox.housekeeping < DUE_BATCH) this.arm();
  }

  /** Brings timers of the next window into memory, page by page, and orders the window after it. */
  #readWindow(after: DueTimer | null): void {
    if (this.#ended) return;
    const { memory, store, clock } = this.#scene;
    const page = store.timers(memory.timers.windowMs, after, STORE_PAGE);
    const restless: Actor[] = [];
    this.#resume(page.flatMap((timer) => this.#take(timer, restless) ?? []));
    if (restless.length > 0) this.#scene.hold(() => this.#resume(restless));
    const last = page.at(-1);
    if (last !== undefined && page.length === STORE_PAGE) return clock.soon(() => this.#readWindow(last));
    this.#cancelWindow = clock.after(TIMER_WINDOW_MS / 2, () => this.#nextWindow());
  }

  #nextWindow(): void {
    const { timers, actors, ways } = this.#scene.memory;
    const fromMs = timers.windowMs;
    timers.windowMs = Math.max(fromMs, this.#scene.clock.nowMs() + TIMER_WINDOW_MS);
    // Of runs in memory the store may not know the next timer.
    for (const actor of actors.live.values()) if (actor.armedMs > fromMs) timers.arm(actor, actor.armedMs);
    for (const waiting of ways.room.dueAfter(fromMs)) if (waiting.dueMs <= timers.windowMs) timers.push(waiting);
    this.arm();
    this.#readWindow({ dueMs: fromMs, runId: LAST_RUN_ID, tenant: NO_TENANT });
  }

  /** Returns a run that is owed something at once. */
  #take(timer: DueTimer, restless: Actor[]): Actor | undefined {
    const { memory, commit } = this.#scene;
    if (timer.dueMs > OWED_AT_ONCE_MS) {
      memory.timers.push(timer);
      return undefined;
    }
    const actor = memory.actors.load(timer.runId);
    // A command was faster: what it decided must not leave before its record is durable (I1).
    if (actor === undefined || actor.position <= commit.acked) return actor;
    restless.push(actor);
    return undefined;
  }

  /** Gives runs what their states say they are owed; what they were given is not given twice. */
  #resume(actors: Iterable<Actor>): void {
    if (this.#ended) return;
    const reactions: Reaction[] = [];
    for (const actor of actors) resume(actor.run, actor.plan, reactions);
    this.#owe(reactions);
  }

  #owe(reactions: readonly Reaction[]): void {
    const { memory, mailbox, wake } = this.#scene;
    for (const reaction of reactions) perform(reaction, memory, (letter) => mailbox.push(letter));
    memory.dispatch.announce();
    this.arm();
    if (mailbox.size > 0) wake();
  }
}
