// What is true: the fold of every record that is durable, from the first one on, kept apart from the shards' own.
import { decodeEvents } from "@millrace/codec/events-v1.ts";
import { encodeRunState } from "@millrace/codec/run-state-v1.ts";
import { compilePlan } from "@millrace/core/plan/compile.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import { evolve } from "@millrace/core/run/evolve.ts";
import { taskOf } from "@millrace/core/run/task-state.ts";
import type { JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import type { MemoryLog } from "@millrace/journal/memory/log.ts";
import { decodeRecord, EMPTY_TAIL } from "@millrace/journal/record.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { type Position, position, type RunId } from "@millrace/model/ids.ts";
import type { JournalEvent, RunEvent } from "@millrace/model/run-events.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { type Observation, Violation } from "./observation.ts";
import { TrueWays } from "./true-ways.ts";

/** A run as its durable events make it. */
export interface TrueRun {
  readonly shard: number;
  readonly plan: Plan;
  readonly state: RunState;
  /** The last record that touched it. */
  position: Position;
  /** What it was after each record that touched it, oldest first. */
  readonly versions: Map<Position, Version>;
}

/** A run as of a record. */
export interface Version {
  /** Canonical. */
  readonly bytes: Buffer;
  readonly timeMs: number;
  /** The record's events of the run. */
  readonly events: readonly RunEvent[];
}

export class Truth {
  readonly runs = new Map<RunId, TrueRun>();
  /** Attempts that were scheduled. */
  readonly attempts = new Set<string>();
  readonly ways = new TrueWays();
  readonly #tails: JournalTail[] = [];
  /** Compiled plans; shared among seeds' shards by the body they were compiled from. */
  readonly #plans: Map<string, Plan>[] = [];
  readonly #see: (seen: Observation) => void;

  constructor(see: (seen: Observation) => void) {
    this.#see = see;
  }

  /** The newest durable position of a shard. */
  tail(shard: number): Position {
    return this.#tails[shard]?.position ?? position(0);
  }

  /** Folds the records that became durable since the last call. */
  follow(shard: number, log: MemoryLog): void {
    let tail = this.#tails[shard] ?? EMPTY_TAIL;
    while (tail.position < log.tail.position) {
      const at = position(tail.position + 1);
      const frame = log.frame(at) ?? Buffer.alloc(0);
      const decoded = decodeRecord(frame, 0, tail);
      if (decoded.type !== "record")
        throw new Violation(
          "I2",
          `shard ${shard}: no record can be read at ${at}: ${decoded.type === "wrong" ? decoded.reason : "it is missing"}`,
        );
      const { record } = decoded;
      if (record.position !== at) throw new Violation("I2", `shard ${shard}: record ${record.position} lies at ${at}`);
      this.#see({ type: "record", shard, record, previous: tail, bytes: frame.length });
      this.#fold(shard, record);
      tail = { position: record.position, chain: record.chain, term: record.term, timeMs: record.timeMs };
      this.#tails[shard] = tail;
      this.#see({ type: "folded", shard });
    }
  }

  /** Whether the result of an attempt is still waited for. */
  isOpen(token: TaskToken): boolean {
    const run = this.runs.get(token.runId)?.state;
    if (run === undefined || run.epoch !== token.epoch || run.endedMs !== 0) return false;
    const task = taskOf(run, token.step, token.item);
    return task?.status === "scheduled" && task.attempt === token.attempt;
  }

  #fold(shard: number, record: JournalRecord): void {
    const touched = new Map<RunId, RunEvent[]>();
    decodeEvents(record.body, record.timeMs, (event) => {
      this.#apply(shard, event, record);
      if ("runId" in event) {
        const events = touched.get(event.runId);
        if (events === undefined) touched.set(event.runId, [event]);
        else events.push(event);
      }
      this.#see({ type: "event", shard, event, record });
    });
    for (const [runId, events] of touched) {
      const run = this.runs.get(runId);
      if (run === undefined) continue;
      run.position = record.position;
      run.versions.set(record.position, { bytes: encodeRunState(run.state), timeMs: record.timeMs, events });
    }
  }

  #apply(shard: number, event: JournalEvent, record: JournalRecord): void {
    if (event.type === "shard-claimed") return;
    if (event.type === "message-sent" || event.type === "message-applied" || event.type === "messages-acked") {
      const problem = this.ways.fold(event);
      if (problem !== undefined) throw new Violation("I3", `shard ${shard}, record ${record.position}: ${problem}`);
      return;
    }
    if (event.type === "definition-pinned") {
      const definition: unknown = JSON.parse(event.body);
      if (!isDefinition(definition)) throw new Violation("I5", `${event.workflow} is pinned to no definition`);
      const plans = (this.#plans[shard] ??= new Map());
      plans.set(`${event.tenant}/${event.workflow}@${event.version}`, compilePlan(definition));
      return;
    }
    try {
      this.#evolve(shard, event, record);
    } catch (error: unknown) {
      throw new Violation("I5", `shard ${shard}, record ${record.position}: ${String(error)}`);
    }
    if (event.type === "step-scheduled") {
      const epoch = this.runs.get(event.runId)?.state.epoch ?? 0;
      this.attempts.add(attemptName({ ...event, epoch }));
    }
  }

  #evolve(shard: number, event: RunEvent, record: JournalRecord): void {
    const known = this.runs.get(event.runId);
    if (event.type !== "run-started") {
      evolve(known?.state, event, record.timeMs);
      return;
    }
    if (known !== undefined) throw new Error(`run ${event.runId} is started twice`);
    const plan = this.#plans[shard]?.get(`${event.tenant}/${event.workflow}@${event.version}`);
    if (plan === undefined) throw new Error(`run ${event.runId} uses a definition that is not pinned`);
    const state = evolve(undefined, event, record.timeMs);
    this.runs.set(event.runId, { shard, plan, state, position: record.position, versions: new Map() });
  }
}

/** Names an attempt. */
export function attemptName({ runId, epoch, step, item, attempt }: TaskToken): string {
  return `${runId}/${epoch}/${step}/${item}/${attempt}`;
}

/** Its rest was checked before it was registered. */
function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "steps" in value;
}
