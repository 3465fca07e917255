// Brings a shard's memory back: the checkpoint's own state, then every record behind it, object by object (I5).
import { decodeEvents } from "@millrace/codec/events-v1.ts";
import { evolve } from "@millrace/core/run/evolve.ts";
import type { Journal, JournalRecord } from "@millrace/journal/journal.ts";
import { position, type RunId } from "@millrace/model/ids.ts";
import type { JournalEvent, RunEvent, RunStarted } from "@millrace/model/run-events.ts";
import type { Store } from "@millrace/store/store.ts";
import type { Actor } from "./actors.ts";
import { payloadCharacters } from "./live-room.ts";
import type { ShardMemory } from "./memory.ts";
import { decodeMeta } from "./meta.ts";

/** The store is ahead of the journal: what it holds cannot be trusted to have happened. */
export class StoreAheadOfJournal extends Error {
  override readonly name = "StoreAheadOfJournal";
}

/** What a recovery found. */
export interface Recovered {
  readonly records: number;
  readonly events: number;
  /** Live runs touched since the checkpoint; they are all in memory. */
  readonly live: number;
}

/** Folds everything that is durable into an empty memory. Drops reactions: what is owed is derived from state later. */
export async function recover(
  memory: ShardMemory,
  store: Store,
  journal: Journal,
  progress: (records: number) => void,
): Promise<Recovered> {
  const meta = store.meta();
  if (meta !== null) for (const pinned of decodeMeta(meta.body)) memory.plans.pin(pinned);
  memory.ways.restore();
  const from = meta?.position ?? 0;
  const tail = journal.tail();
  if (from > tail.position)
    throw new StoreAheadOfJournal(
      `The store's checkpoint is at ${from}, the journal ends at ${tail.position}: the journal lost records, or is another shard's.`,
    );
  const replay = new Replay(memory, store.ahead());
  await journal.read(position(from + 1), (record) => {
    replay.record(record);
    if (replay.records % 256 === 0) progress(replay.records);
  });
  return { records: replay.records, events: replay.events, live: memory.actors.live.size };
}

class Replay {
  records = 0;
  events = 0;
  readonly #memory: ShardMemory;
  /** Whether the store may hold objects newer than its checkpoint. */
  readonly #ahead: boolean;
  /** Runs past retention that were retried. */
  readonly #forgotten = new Set<RunId>();

  constructor(memory: ShardMemory, ahead: boolean) {
    this.#memory = memory;
    this.#ahead = ahead;
  }

  record(record: JournalRecord): void {
    this.records++;
    decodeEvents(record.body, record.timeMs, (event) => this.#event(event, record));
  }

  #event(event: JournalEvent, record: JournalRecord): void {
    this.events++;
    switch (event.type) {
      case "shard-claimed":
        return;
      case "message-sent":
      case "message-applied":
      case "messages-acked":
        this.#memory.ways.replay(event, record.position);
        return;
      case "definition-pinned":
        this.#memory.plans.pin(event);
        return;
      default:
        this.#runEvent(event, record);
    }
  }

  #runEvent(event: RunEvent, record: JournalRecord): void {
    const { actors } = this.#memory;
    // A slice may have held the run and not yet its key: that comes with a later slice of the checkpoint.
    if (event.type === "run-started") this.#key(event, record);
    const actor = event.type === "run-started" ? this.#known(event.runId) : actors.load(event.runId);
    if (actor === undefined) return this.#unknown(event, record);
    // Already in what the store holds: a slice of a later checkpoint had been written (DESIGN §5).
    if (actor.position >= record.position && !actor.dirty) return;
    if (actor.position > record.position) return;
    const wasEnded = actor.run.endedMs !== 0;
    evolve(actor.run, event, record.timeMs);
    actor.position = record.position;
    actor.dirty = true;
    if (!wasEnded) actors.grow(actor, payloadCharacters(event));
    if (wasEnded && actor.run.endedMs === 0) actors.revive(actor);
    if (event.type === "run-ended") actors.end(actor, event.status);
  }

  /** A run that is being started is new, unless the store is ahead of its checkpoint. */
  #known(runId: RunId): Actor | undefined {
    return this.#ahead ? this.#memory.actors.load(runId) : undefined;
  }

  #unknown(event: RunEvent, record: JournalRecord): void {
    if (event.type === "run-started") return this.#started(event, record);
    // Retention let go of an ended run in the moment somebody retried it: the retry goes the way of the run.
    if (event.type === "run-retried") this.#forgotten.add(event.runId);
    if (!this.#forgotten.has(event.runId))
      throw new Error(`Record ${record.position} holds ${event.type} of run ${event.runId}, which nobody started.`);
  }

  #started(event: RunStarted, record: JournalRecord): void {
    const { actors, plans } = this.#memory;
    const pinned = plans.get(event.tenant, event.workflow, event.version);
    if (pinned === undefined)
      throw new Error(`Record ${record.position} starts ${event.runId} of a workflow that is not pinned.`);
    const run = evolve(undefined, event, record.timeMs);
    const actor = actors.add(run, pinned.plan, record.position);
    actors.grow(actor, payloadCharacters(event));
    actor.dirty = true;
  }

  #key({ tenant, idempotencyKey: key, runId, inputHash }: RunStarted, { timeMs, position: at }: JournalRecord): void {
    if (key !== "") this.#memory.keys.add({ tenant, key, runId, inputHash, startedMs: timeMs }, at);
  }
}
