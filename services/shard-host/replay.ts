// Folds records into a shard's memory, from its store's checkpoint on, object by object (I5): while a shard is read back,
// and for as long as a standby follows its journal. Drops reactions: what is owed is derived from state later.
import { decodeEvents } from "@millrace/codec/events-v1.ts";
import { evolve } from "@millrace/core/run/evolve.ts";
import { JournalDamaged, type JournalRecord, type JournalTail } from "@millrace/journal/journal.ts";
import { EMPTY_TAIL, tailOf } from "@millrace/journal/record.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { JournalEvent, RunEvent, RunStarted } from "@millrace/model/run-events.ts";
import type { Store } from "@millrace/store/store.ts";
import type { Actor } from "./actors.ts";
import type { ShardMemory } from "./memory.ts";
import { readPinnedRow } from "./pinned-row.ts";
import { DEFINITION_PREFIX } from "./plans.ts";

export class Replay {
  readonly memory: ShardMemory;
  records = 0;
  events = 0;
  #tail: JournalTail = EMPTY_TAIL;
  /** Whether the store may hold objects newer than its checkpoint. */
  readonly #ahead: boolean;
  /** Runs past retention that were retried. */
  readonly #forgotten = new Set<RunId>();

  /** Begins with what the store's last checkpoint says of the shard. `memory` is empty and reads from this store. */
  constructor(memory: ShardMemory, store: Store) {
    this.memory = memory;
    this.#ahead = store.aheadTo() > 0;
    store.rows(DEFINITION_PREFIX, ({ bytes }) => readPinnedRow(bytes, (pinned) => memory.plans.restore(pinned)));
    memory.ways.restore();
    const meta = store.meta();
    if (meta === null) return;
    const { position, chain, term, timeMs } = meta;
    this.#tail = { position, chain, term, timeMs };
  }

  /** The newest record that is folded. */
  get tail(): JournalTail {
    return this.#tail;
  }

  /** Folds the record behind {@link tail}; throws {@link JournalDamaged} when it is another one. */
  record(record: JournalRecord): void {
    const { position } = record;
    if (position !== this.#tail.position + 1 || record.previousChain !== this.#tail.chain)
      throw new JournalDamaged(
        `Record ${position} continues chain ${record.previousChain}; what is folded ends at ${this.#tail.position} with chain ${this.#tail.chain}.`,
      );
    this.records++;
    decodeEvents(record.body, record.timeMs, (event) => this.#event(event, record));
    this.#tail = tailOf(record);
  }

  #event(event: JournalEvent, record: JournalRecord): void {
    this.events++;
    switch (event.type) {
      case "shard-claimed":
        return;
      case "definition-pinned":
        this.memory.plans.pin(event, record.position);
        return;
      case "message-sent":
      case "message-applied":
      case "messages-acked":
        this.memory.ways.replay(event, record.position);
        return;
      default:
        this.#runEvent(event, record);
    }
  }

  #runEvent(event: RunEvent, record: JournalRecord): void {
    const { actors } = this.memory;
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
    actors.weigh(actor);
    if (wasEnded && actor.run.endedMs === 0) actors.revive(actor);
    if (event.type === "run-ended") actors.end(actor, event.status);
  }

  /** A run that is being started is new, unless the store is ahead of its checkpoint. */
  #known(runId: RunId): Actor | undefined {
    return this.#ahead ? this.memory.actors.load(runId) : undefined;
  }

  #unknown(event: RunEvent, record: JournalRecord): void {
    if (event.type === "run-started") return this.#started(event, record);
    // Retention let go of an ended run in the moment somebody retried it: the retry goes the way of the run.
    if (event.type === "run-retried") this.#forgotten.add(event.runId);
    if (!this.#forgotten.has(event.runId))
      throw new Error(`Record ${record.position} holds ${event.type} of run ${event.runId}, which nobody started.`);
  }

  #started(event: RunStarted, record: JournalRecord): void {
    const { actors, plans } = this.memory;
    const pinned = plans.get(event.tenant, event.workflow, event.version);
    if (pinned === undefined)
      throw new Error(`Record ${record.position} starts ${event.runId} of a workflow that is not pinned.`);
    const run = evolve(undefined, event, record.timeMs);
    const actor = actors.add(run, pinned.plan, record.position);
    actor.dirty = true;
  }

  #key({ tenant, idempotencyKey: key, runId, inputHash }: RunStarted, { timeMs, position: at }: JournalRecord): void {
    if (key !== "") this.memory.keys.add({ tenant, key, runId, inputHash, startedMs: timeMs }, at);
  }
}
