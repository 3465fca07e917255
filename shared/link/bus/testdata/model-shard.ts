// A simple shard for tests of the link: every run has one step, and ends with its result. What is durable outlives owners;
// only the owner of the newest term can change it.
import type { Clock } from "@millrace/clock/clock.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { type Position, type RunId, type TenantId, type Term, term, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Envelope, ListPage, ListQuery, Origin, RunEnd, RunView, Watching } from "../../link.ts";
import type { LocalShard } from "../../local-shard.ts";
import { act, isEnded, type ModelDisk, type ModelRun } from "./model-disk.ts";
import { ModelTasks } from "./model-tasks.ts";

interface Letter extends Envelope {
  readonly origin: Origin;
}

interface Follower {
  readonly origin: Origin;
  readonly ref: number;
}

export class ModelShard implements LocalShard {
  readonly tasks: ModelTasks;
  readonly #disk: ModelDisk;
  readonly #clock: Clock;
  readonly #began = new Set<(term: Term) => void>();
  readonly #followers = new Map<RunId, Follower[]>();
  readonly #watchers = new Set<ModelWatcher>();
  /** How long anything takes to become durable. */
  latencyMs = 1;
  #term = term(0);
  #letters: Letter[] = [];
  /** What waits for all that is decided to be durable, in this term; null = nothing. */
  #quiet: (() => void)[] | null = null;
  #working = false;
  #phase: "opening" | "serving" | "stopped" | "dead" = "opening";

  constructor(disk: ModelDisk, clock: Clock) {
    this.#disk = disk;
    this.#clock = clock;
    this.tasks = new ModelTasks(
      disk,
      () => this.#owns,
      (then) => this.#whenQuiet(then),
    );
  }

  get term(): Term {
    return this.#term;
  }

  onTerm(began: (term: Term) => void): () => void {
    this.#began.add(began);
    return () => void this.#began.delete(began);
  }

  /** Claims the next term; also one that serves already, as after a write that failed. */
  serve(): void {
    this.#term = term(this.#disk.term + 1);
    this.#disk.term = this.#term;
    this.#phase = "serving";
    this.#quiet = null;
    this.tasks.takeOver();
    for (const began of [...this.#began]) began(this.#term);
    this.tasks.announce();
    for (const runId of [...this.#followers.keys()]) this.#tellEnd(runId);
    for (const watcher of [...this.#watchers]) watcher.look();
    this.wake();
  }

  /** Refuses what waits, and everything from now on. */
  stop(): void {
    this.#phase = "stopped";
    for (const { origin, ref } of this.#letters.splice(0)) refuse(origin, ref);
  }

  /** Says nothing any more. */
  die(): void {
    this.#phase = "dead";
  }

  submit(origin: Origin, envelope: Envelope): void {
    if (this.#phase === "dead") return;
    if (this.#phase === "stopped") return refuse(origin, envelope.ref);
    this.#letters.push({ ...envelope, origin });
  }

  wake(): void {
    if (this.#working || this.#phase !== "serving") return;
    this.#working = true;
    this.#clock.after(this.latencyMs, () => {
      this.#working = false;
      if (this.#phase !== "serving") return;
      this.#beQuiet();
      for (const letter of this.#letters.splice(0)) this.#do(letter);
      this.tasks.announce();
    });
  }

  forget(origin: Origin): void {
    for (const [runId, followers] of this.#followers)
      this.#followers.set(
        runId,
        followers.filter((follower) => follower.origin !== origin),
      );
  }

  follow(origin: Origin, ref: number, runId: RunId): void {
    this.#followers.set(runId, [...(this.#followers.get(runId) ?? []), { origin, ref }]);
    if (this.#phase === "serving") this.#tellEnd(runId);
  }

  unfollow(origin: Origin, ref: number, runId: RunId): void {
    const followers = this.#followers.get(runId) ?? [];
    this.#followers.set(
      runId,
      followers.filter((follower) => follower.origin !== origin || follower.ref !== ref),
    );
  }

  /** How many wait for this run's end. */
  followers(runId: RunId): number {
    return this.#followers.get(runId)?.length ?? 0;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  run(tenant: TenantId, runId: RunId, answer: (view: RunView | Refusal) => void): void {
    this.#read(() => this.#view(tenant, runId), answer);
  }

  list(query: ListQuery, answer: (page: ListPage | Refusal) => void): void {
    this.#read((): ListPage => {
      const runs = [...this.#disk.runs.values()]
        .filter((run) => run.tenant === query.tenant && (query.before === null || run.runId < query.before))
        .toSorted((left, right) => (left.runId < right.runId ? 1 : -1));
      const page = runs.slice(0, query.limit);
      return {
        runs: page.map((run) => listed(run, this.#disk.position)),
        next: runs.length > page.length ? (page.at(-1)?.runId ?? null) : null,
      };
    }, answer);
  }

  watch(tenant: TenantId, runId: RunId, changed: (view: RunView | Refusal) => void): Watching {
    const watcher: ModelWatcher = new ModelWatcher(() => this.#view(tenant, runId), changed, () => this.#owns);
    this.#watchers.add(watcher);
    this.#read(
      () => null,
      (answer) => {
        if (answer === null) watcher.look();
        else watcher.refuse(answer);
        if (watcher.isOver) this.#watchers.delete(watcher);
      },
    );
    return {
      taken: () => watcher.take(),
      end: () => {
        watcher.isOver = true;
        this.#watchers.delete(watcher);
      },
    };
  }

  /** Whether it is the one whose word counts. */
  get #owns(): boolean {
    return this.#phase === "serving" && this.#term === this.#disk.term;
  }

  #whenQuiet(then: () => void): void {
    if (!this.#owns) return;
    const quiet = (this.#quiet ??= []);
    quiet.push(then);
    if (quiet.length > 1) return;
    this.#clock.after(this.latencyMs, () => {
      if (this.#quiet === quiet) this.#beQuiet();
    });
  }

  #beQuiet(): void {
    const quiet = this.#quiet ?? [];
    this.#quiet = null;
    if (this.#owns) for (const then of quiet) then();
  }

  #do({ origin, ref, command, notifyEnd }: Letter): void {
    // Another owner has the journal by now: nothing can be written, and nobody knows that until it is tried.
    if (!this.#owns) return refuse(origin, ref);
    const done = this.#disk.position;
    const outcome = act(this.#disk, command);
    if ("code" in outcome) return origin.replied([{ type: "refused", ref, refusal: outcome }]);
    const { run, repeated } = outcome;
    origin.replied([{ type: "done", ref, runId: run?.runId ?? command.runId, repeated, epoch: run?.epoch ?? 0 }]);
    if (run !== null && notifyEnd) this.follow(origin, ref, run.runId);
    if (this.#disk.position === done || run === null) return;
    this.tasks.settle(run);
    this.#tellEnd(run.runId);
    for (const watcher of [...this.#watchers]) watcher.look();
  }

  #tellEnd(runId: RunId): void {
    const run = this.#disk.runs.get(runId);
    if (run === undefined || !isEnded(run)) return;
    const followers = this.#followers.get(runId) ?? [];
    this.#followers.delete(runId);
    for (const { origin, ref } of followers) origin.ended([endOf(run, ref)]);
  }

  #view(tenant: TenantId, runId: RunId): RunView | Refusal {
    const run = this.#disk.runs.get(runId);
    if (run === undefined || run.tenant !== tenant) return refusal("RUN_NOT_FOUND");
    return { runId, bytes: Buffer.from(JSON.stringify(run)), position: this.#disk.position, definition: "{}" };
  }

  #read<Value>(read: () => Value | Refusal, answer: (value: Value | Refusal) => void): void {
    if (this.#phase === "dead") return;
    this.#clock.after(this.latencyMs, () => {
      if (this.#phase === "dead") return;
      answer(this.#owns ? read() : refusal("SHARD_UNAVAILABLE", { retryDelayMs: 100 }));
    });
  }
}

class ModelWatcher {
  readonly #read: () => RunView | Refusal;
  readonly #changed: (view: RunView | Refusal) => void;
  readonly #canRead: () => boolean;
  #told = "";
  #isFree = true;
  isOver = false;

  constructor(read: () => RunView | Refusal, changed: (view: RunView | Refusal) => void, canRead: () => boolean) {
    this.#read = read;
    this.#changed = changed;
    this.#canRead = canRead;
  }

  take(): void {
    this.#isFree = true;
    this.look();
  }

  look(): void {
    if (this.isOver || !this.#isFree || !this.#canRead()) return;
    const view = this.#read();
    if ("code" in view) return this.refuse(view);
    const text = Buffer.from(view.bytes).toString();
    if (text === this.#told) return;
    this.#told = text;
    this.#isFree = false;
    this.#changed(view);
  }

  refuse(refused: Refusal): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#changed(refused);
  }
}

function endOf({ runId, epoch, status }: ModelRun, ref: number): RunEnd {
  if (status === "running" || status === "paused") throw new Error(`Run ${runId} has not ended.`);
  return { ref, runId, epoch, status, output: json('"out"'), failure: null, failedStep: "", endedMs: 1 };
}

function listed({ runId, tenant, epoch, status }: ModelRun, at: Position): ListPage["runs"][number] {
  return {
    ...{ runId, tenant, workflow: workflowName("one"), version: 1, status, epoch, startedMs: 1, endedMs: 0 },
    ...{ failure: null, failedStep: "", reason: "", idempotencyKey: "", retryingSteps: 0, nextAttemptMs: 0 },
    ...{ stepsTotal: 1, stepsSettled: 0, position: at },
  };
}

function refuse(origin: Origin, ref: number): void {
  origin.replied([{ type: "refused", ref, refusal: refusal("SHARD_UNAVAILABLE", { retryDelayMs: 100 }) }]);
}

