// A shard: one range of slots, one journal, one writer. It owns the mailbox and who listens; what it knows of its runs
// belongs to a time of service (serving.ts) and is dropped as a whole when an append did not end `appended`.
//
// Commands lost with it are answered SHARD_UNAVAILABLE or DISK_FULL: with an idempotency key it is safe to ask again.
import { type Journal, JournalLocked } from "@millrace/journal/journal.ts";
import type { Envelope, ListPage, ListQuery, Origin, RunView, Watching } from "@millrace/link/link.ts";
import type { LocalShard } from "@millrace/link/local-shard.ts";
import { type Position, position, type RunId, type TenantId, type Term, term } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import type { Actor } from "./actors.ts";
import { ShardTasks } from "./dispatch/shard-tasks.ts";
import { EndWatch, type EndWatcher } from "./end-watch.ts";
import { crowded, noRoom } from "./intake.ts";
import { FULL_RETRY_MS, REOPEN_RETRY_MS } from "./limits.ts";
import { type Letter, Mailbox } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import { type Answer, listRuns, readRun } from "./reads.ts";
import { diskFull, unavailable } from "./refusals.ts";
import type { Replay } from "./replay.ts";
import { runEnd } from "./run-end.ts";
import { adopt, endServing, type ReadBack, readBack, type Serving, type ShardParts, takeOver } from "./serving.ts";
import { NotOwned, type ShardOptions } from "./shard-options.ts";
import type { Turn } from "./turn.ts";
import type { LostOutcome } from "./turn-loop.ts";
import { type Changed, type KnownRun, Watches } from "./watches.ts";

/** What a shard is doing. */
type Phase =
  /** Reads its memory back; commands wait in the mailbox. */
  | { readonly type: "opening" }
  | { readonly type: "serving"; readonly serving: Serving }
  /** There is no room for records: refuses all but reads until the claim of the next term finds some. */
  | { readonly type: "full"; readonly memory: ShardMemory | null }
  | { readonly type: "stopped" }
  /** Its journal or store is damaged; it serves nothing, and says why. */
  | { readonly type: "broken"; readonly reason: string };

export class Shard implements LocalShard {
  readonly #parts: ShardParts;
  readonly #began = new Set<(term: Term) => void>();
  readonly #mailbox = new Mailbox();
  readonly tasks = new ShardTasks(() => (this.#phase.type === "serving" ? this.#phase.serving : null), this.#mailbox);
  readonly #ends = new EndWatch();
  readonly #watches: Watches;
  #phase: Phase = { type: "opening" };
  #journal: Journal | null = null;
  #isStopping = false;
  #term = term(0);
  /** Whether {@link open} has succeeded. */
  #isOpen = false;
  /** Whoever stops the shard waits for the end of its service. */
  #servingEnded: () => void = () => {};

  constructor(options: ShardOptions) {
    this.#watches = new Watches({
      clock: options.clock,
      read: (tenant, runId, answer) => this.run(tenant, runId, answer),
      known: (runId) => this.#known(runId),
    });
    this.#parts = {
      options,
      mailbox: this.#mailbox,
      ends: this.#ends,
      watches: this.#watches,
      holders: this.tasks.holders,
      tellWatchers: (turn) => this.#watches.touched(turn.watched),
      fail: (outcome, lost) => this.#fail(outcome, lost),
      broken: (error, lost) => {
        if (this.#phase.type === "serving") this.#endServing(this.#phase.serving);
        this.#answerLost(lost, unavailable("The shard found its state broken."));
        this.#break(error);
      },
    };
  }

  /** What the shard is doing; with `broken` the reason. */
  get state(): { readonly type: Phase["type"]; readonly reason: string } {
    return { type: this.#phase.type, reason: this.#phase.type === "broken" ? this.#phase.reason : "" };
  }

  /** For metrics: what waits and what is in memory. */
  get load(): ShardLoad {
    const memory = this.#memory;
    return {
      mailbox: this.#mailbox.size,
      actors: memory?.actors.live.size ?? 0,
      overlayBytes: memory?.actors.overlayBytes ?? 0,
      messages: memory?.ways.waiting ?? 0,
      journalBytes: this.#journal?.bytes() ?? 0,
      waiting: memory?.dispatch.waiting() ?? new Map(),
    };
  }

  /**
   * Opens the journal, reads memory back (or goes on with what a standby has `folded`) and serves. Rejects when journal or
   * store cannot be used, and with {@link NotOwned}; then it is to be released.
   */
  async open(folded: Replay | null = null): Promise<void> {
    const journal = await this.#openJournal();
    this.#journal = journal;
    await this.#serve(journal, folded === null ? null : await adopt(this.#parts, journal, folded));
    this.#isOpen = true;
  }

  get term(): Term {
    return this.#term;
  }

  /** The newest durable record; 0 while it does not serve. */
  get position(): Position {
    return this.#phase.type === "serving" ? this.#phase.serving.commit.acked : position(0);
  }

  onTerm(began: (term: Term) => void): () => void {
    this.#began.add(began);
    return () => void this.#began.delete(began);
  }

  /** Puts a command into the mailbox, or refuses it at once. */
  submit(origin: Origin, envelope: Envelope): void {
    const { command, ref, notifyEnd } = envelope;
    const refusal = this.#refusal(command);
    if (refusal !== null) return origin.replied([{ type: "refused", ref, refusal }]);
    this.#mailbox.push({ command, origin, ref, notifyEnd });
  }

  forget(origin: Origin): void {
    this.#ends.forget(origin);
  }

  follow(origin: Origin, ref: number, runId: RunId): void {
    this.#ends.add(runId, origin, ref);
    if (this.#phase.type === "serving") this.#tellEnd(this.#phase.serving, runId);
  }

  unfollow(origin: Origin, ref: number, runId: RunId): void {
    this.#ends.remove(runId, origin, ref);
  }

  wake(): void {
    if (this.#phase.type === "serving") this.#phase.serving.loop.wake();
  }

  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    this.#read<RunView | Refusal>((memory) => readRun(memory, this.#parts.options.store, tenant, runId), answer);
  }

  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    this.#read((memory) => listRuns(memory, this.#parts.options.store, query), answer);
  }

  watch(tenant: TenantId, runId: RunId, changed: Changed): Watching {
    return this.#watches.watch(tenant, runId, changed);
  }

  /** Drops what is past retention at `nowMs` from the store. */
  retain(nowMs: number): Promise<void> {
    return this.#parts.options.store.retain(nowMs);
  }

  /** Whether there is such a run; undefined = cannot be said now. */
  knows(runId: RunId): boolean | undefined {
    return this.#memory === null ? undefined : this.#memory.actors.positionOf(runId) !== undefined;
  }

  /** Writes a checkpoint; resolves when it is over, or at once if the shard does not serve. */
  checkpoint(): Promise<void> {
    const phase = this.#phase;
    if (phase.type !== "serving") return Promise.resolve();
    return new Promise((resolve) => phase.serving.checkpoints.now(resolve));
  }

  /** Finishes and answers what is decided, refuses what waits, writes a checkpoint, and lets go of journal and store. */
  async stop(): Promise<void> {
    await this.#comeToRest();
    await this.checkpoint();
    await this.#letGo();
    await this.#parts.options.store.close();
  }

  /** Finishes and answers what is decided, refuses what waits, and lets go of the journal: somebody else is to own it. */
  async release(): Promise<void> {
    await this.#comeToRest();
    await this.#letGo();
  }

  /** From here on nothing is taken in, and nothing is on its way. */
  async #comeToRest(): Promise<void> {
    this.#isStopping = true;
    this.#refuseWaiting(STOPPING);
    const phase = this.#phase;
    if (phase.type !== "serving") return;
    // An append that fails on the way ends the wait, too: what is durable by then is what there is.
    await new Promise<void>((resolve) => {
      this.#servingEnded = resolve;
      phase.serving.loop.hold(resolve);
    });
  }

  async #letGo(): Promise<void> {
    const last = this.#phase;
    this.#phase = { type: "stopped" };
    if (last.type === "serving") this.#answerLost(this.#endServing(last.serving), STOPPING);
    this.#refuseWaiting(STOPPING);
    this.#watches.refuseAll(STOPPING);
    await this.#journal?.close();
  }

  async #serve(journal: Journal, known: ReadBack | null): Promise<void> {
    const back = known ?? (await readBack(this.#parts, journal));
    const serving = await takeOver(this.#parts, journal, back);
    if (this.#phase.type === "stopped") return;
    if (serving === "lost") {
      if (!this.#isOpen && this.#parts.options.terms !== null) throw new NotOwned("The claim did not succeed.");
      return this.#openAnew(journal);
    }
    if (serving === "full") {
      this.#phase = { type: "full", memory: back.memory };
      this.#refuseWaiting(diskFull());
      this.#parts.options.clock.after(FULL_RETRY_MS, () => this.#again(journal, back));
      return;
    }
    this.#phase = { type: "serving", serving };
    this.#term = serving.commit.term;
    serving.memory.dispatch.holdBack();
    for (const began of [...this.#began]) began(this.#term);
    serving.timekeeper.takeOver();
    serving.outbox.takeOver();
    // What was replayed is not in the store yet, and perhaps nothing will happen for long.
    serving.checkpoints.consider();
    for (const runId of this.#ends.runs()) this.#tellEnd(serving, runId);
    this.#watches.touched(this.#watches.runs());
    serving.loop.wake();
  }

  /** An append did not end `appended`: nobody may build on what is in memory. */
  #fail(outcome: LostOutcome, lost: readonly Turn[]): void {
    if (this.#phase.type !== "serving") return;
    this.#endServing(this.#phase.serving);
    const reason = outcome.type === "unknown" ? `unknown (${outcome.reason})` : outcome.type;
    this.#parts.options.observer.failed(`An append ended ${reason}.`);
    const refusal = outcome.type === "full" ? diskFull() : unavailable("A write to the journal did not succeed.");
    this.#phase = outcome.type === "full" ? { type: "full", memory: null } : { type: "opening" };
    this.#answerLost(lost, refusal);
    const journal = this.#journal;
    if (journal === null) return;
    if (outcome.type === "full") this.#again(journal, null);
    else if (outcome.type === "stale" && this.#parts.options.terms !== null)
      this.#break(new NotOwned("Another process has claimed the shard."));
    else this.#openAnew(journal);
  }

  /** Fences whoever had the journal before. */
  async #openJournal(): Promise<Journal> {
    const { terms, openJournal } = this.#parts.options;
    if (terms?.mayClaim() === false) throw new NotOwned("The shard belongs to another process.");
    return openJournal();
  }

  /** What is durable is not known: the journal itself must say. */
  #openAnew(journal: Journal): void {
    this.#phase = { type: "opening" };
    journal.close().then(
      () => this.#reopen(),
      () => this.#reopen(),
    );
  }

  #again(journal: Journal, known: ReadBack | null): void {
    if (this.#phase.type === "stopped") return;
    this.#serve(journal, known).catch((error: unknown) => this.#break(error));
  }

  #reopen(): void {
    if (this.#phase.type === "stopped") return;
    const { clock } = this.#parts.options;
    this.#openJournal().then(
      (journal) => {
        this.#journal = journal;
        this.#again(journal, null);
      },
      (error: unknown) => {
        // Another process has it, perhaps only for now; anything else will not pass.
        if (error instanceof JournalLocked) clock.after(REOPEN_RETRY_MS, () => this.#reopen());
        else this.#break(error);
      },
    );
  }

  #break(error: unknown): void {
    if (this.#phase.type === "stopped") return;
    const { observer, terms } = this.#parts.options;
    const reason = error instanceof Error ? error.message : String(error);
    this.#phase = { type: "broken", reason };
    observer.failed(reason);
    this.#refuseWaiting(unavailable(reason));
    this.#watches.refuseAll(unavailable(reason));
    if (terms !== null) void this.release().then(() => terms.lost(reason));
  }

  /** Returns the turns that were under way. */
  #endServing(serving: Serving): Turn[] {
    const lost = endServing(serving);
    this.#servingEnded();
    return lost;
  }

  #answerLost(lost: readonly Turn[], refusal: Refusal): void {
    const letters = lost.flatMap((turn) => turn.letters);
    // Ends nobody was told of: whoever still waits is told after the take-over, if it is so.
    for (const turn of lost)
      for (const [origin, { ends }] of turn.outgoing)
        for (const end of ends) this.#ends.add(end.runId, origin, end.ref);
    // Whoever is refused asks again if it wants to know.
    this.#ends.drop(letters);
    for (const letter of letters) refuse(letter, refusal);
  }

  #refuseWaiting(refusal: Refusal): void {
    for (const letter of this.#mailbox.drain()) refuse(letter, refusal);
  }

  #refusal(command: ShardCommand): Refusal | null {
    if (this.#isStopping) return STOPPING;
    switch (this.#phase.type) {
      case "full":
        return diskFull();
      case "stopped":
        return STOPPING;
      case "broken":
        return unavailable(this.#phase.reason);
      case "opening":
        return crowded(this.#mailbox, command);
      case "serving":
        return crowded(this.#mailbox, command) ?? noRoom(this.#phase.serving.memory, command);
    }
  }

  #read<Value>(read: (memory: ShardMemory) => Answer<Value>, answer: (value: Value | Refusal) => void): void {
    const phase = this.#phase;
    // Nothing in it is newer than the journal.
    if (phase.type === "full" && phase.memory !== null) return answer(read(phase.memory).value);
    if (phase.type !== "serving") return answer(unavailable("The shard is not ready."));
    const { value, seen } = read(phase.serving.memory);
    phase.serving.loop.whenDurable(
      seen,
      () => answer(value),
      () => answer(unavailable("A write to the journal did not succeed.")),
    );
  }

  get #memory(): ShardMemory | null {
    return this.#phase.type === "serving" ? this.#phase.serving.memory : null;
  }

  /** Tells whoever waits for a run that has ended already; if that is not durable yet, when it is. */
  #tellEnd({ memory, loop }: Serving, runId: RunId): void {
    const actor = memory.actors.load(runId);
    if (actor === undefined) return void this.#ends.take(runId);
    if (actor.run.endedMs === 0) return memory.actors.rest(actor);
    const tell = (): void => tellEnd(actor, this.#ends.take(runId) ?? []);
    // If it is lost after all, the next take-over sees to it.
    loop.whenDurable(actor.position, tell, () => {});
  }

  #known(runId: RunId): KnownRun | null {
    if (this.#phase.type !== "serving") return null;
    const { memory, commit } = this.#phase.serving;
    const live = memory.actors.live.get(runId);
    const changedAt = (live ?? memory.actors.overlay.get(runId))?.position ?? null;
    const isEnded = live === undefined && changedAt !== null;
    return { isEnded, settledAt: changedAt === null || changedAt > commit.acked ? null : changedAt };
  }
}

const STOPPING = unavailable("The shard stops.");

/** What a shard has on its hands. */
export interface ShardLoad {
  readonly mailbox: number;
  readonly actors: number;
  readonly overlayBytes: number;
  readonly journalBytes: number;
  /** Messages to other runs that wait for their receivers. */
  readonly messages: number;
  /** Tasks waiting for a worker, by type. */
  readonly waiting: ReadonlyMap<string, number>;
}

function tellEnd(actor: Actor, watchers: readonly EndWatcher[]): void {
  for (const { origin, ref } of watchers) {
    const end = runEnd(actor, ref);
    if (end !== undefined) origin.ended([end]);
  }
}

function refuse({ origin, ref }: Letter, refusal: Refusal): void {
  origin?.replied([{ type: "refused", ref, refusal }]);
}
