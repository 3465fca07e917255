// A standby of one shard: follows its journal, folds it into a memory of its own, and writes checkpoints of that to its own
// store, so that whoever takes over has only the last records to read (DESIGN §6).
//
// 1. It writes nothing to the journal, truncates nothing, and sends nothing: reactions belong to the owner.
// 2. What it holds is durable, always: there is nothing in flight, so a checkpoint finds every run at rest.
// 3. A store may hold runs that what is folded does not know of yet, left by a checkpoint that was not completed. None is
//    completed before they are: whoever opens the store next would take them for new ones.
// 4. When it cannot go on (`gap`) it stays where it is and says so; whoever runs it begins a new one.
import type { FollowJournal, JournalFollower, JournalGap, JournalRecord } from "@millrace/journal/journal.ts";
import type { Mirror } from "@millrace/journal/mirror.ts";
import type { ListPage, ListQuery, RunView } from "@millrace/link/link.ts";
import { type Position, position, type RunId, type TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { Store } from "@millrace/store/store.ts";
import { Checkpoint } from "../checkpoint.ts";
import { CheckpointSchedule } from "../checkpoint-schedule.ts";
import { emptyMemory, type MemoryParts } from "../memory.ts";
import { listRuns, readRun } from "../reads.ts";
import { Replay } from "../replay.ts";
import type { ShardObserver } from "../shard-options.ts";

export interface ReplicaParts extends MemoryParts {
  readonly store: Store;
  readonly follow: FollowJournal;
  /** Keeps the raw records it follows. */
  readonly mirror: Mirror;
  readonly observer: ShardObserver;
  /** It cannot go on; called once. */
  readonly gap: (gap: JournalGap) => void;
}

export class Replica {
  readonly #parts: ReplicaParts;
  readonly #replay: Replay;
  readonly #checkpoints: CheckpointSchedule;
  readonly #follower: JournalFollower;
  /** No checkpoint begins before this record is folded. */
  readonly #notBefore: Position;
  #bytesSinceCheckpoint = 0;
  #ended = false;

  /** Begins where its store is. */
  constructor(parts: ReplicaParts) {
    this.#parts = parts;
    const { store, clock, observer } = parts;
    const replay = new Replay(emptyMemory(parts, new Set()), store);
    this.#replay = replay;
    this.#notBefore = store.aheadTo();
    const { memory } = replay;
    // As the owner's commits say how far its memory is durable, the records say it here.
    const commit = {
      get acked() {
        return replay.tail.position;
      },
      get chain() {
        return replay.tail.chain;
      },
      get term() {
        return replay.tail.term;
      },
      get timeMs() {
        return replay.tail.timeMs;
      },
    };
    const journal = { truncateBefore: () => Promise.resolve() };
    const hold = (quiet: () => void): void => clock.soon(quiet);
    const scene = { memory, commit, store, journal, clock, hold };
    const bytesSince = (): number => this.#bytesSinceCheckpoint;
    this.#checkpoints = new CheckpointSchedule({
      memory,
      clock,
      observer,
      commit: {
        get bytesSinceCheckpoint() {
          return bytesSince();
        },
        checkpointed: () => {
          this.#bytesSinceCheckpoint = 0;
        },
      },
      begin: (done) => new Checkpoint(scene, done),
    });
    const { position: at, chain } = replay.tail;
    this.#follower = parts.follow({
      behind: { position: at, chain: at === 0 ? null : chain },
      visit: (record) => this.#fold(record),
      gap: (gap) => {
        if (!this.#ended) parts.gap(gap);
      },
    });
  }

  /** The newest record it holds. */
  get position(): Position {
    return position(this.#replay.tail.position);
  }

  /** A run as of {@link position}: perhaps not the newest there is. */
  run(tenant: TenantId, runId: RunId): RunView | Refusal {
    return readRun(this.#replay.memory, this.#parts.store, tenant, runId).value;
  }

  /** A page of runs as of {@link position}. */
  list(query: ListQuery): ListPage {
    return listRuns(this.#replay.memory, this.#parts.store, query).value;
  }

  /** Writes a checkpoint; resolves when it is over, whatever became of it, and at once where none may be written yet. */
  checkpoint(): Promise<void> {
    if (this.position < this.#notBefore) return Promise.resolve();
    return new Promise((resolve) => this.#checkpoints.now(resolve));
  }

  /** Ends it; what it has folded is for whoever takes over to go on from. */
  async end(): Promise<Replay> {
    this.#ended = true;
    this.#follower.stop();
    await new Promise<void>((resolve) => this.#checkpoints.leave(resolve));
    return this.#replay;
  }

  #fold(record: JournalRecord): void {
    if (this.#ended) return;
    try {
      this.#replay.record(record);
    } catch (error: unknown) {
      // Records are checked against the chain: this build cannot fold what another one wrote.
      this.#ended = true;
      this.#parts.gap({ type: "damaged", reason: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#parts.mirror.keep(record);
    this.#bytesSinceCheckpoint += record.body.length;
    if (this.position >= this.#notBefore) this.#checkpoints.consider();
  }
}
