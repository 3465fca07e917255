// One time of service of a shard: from a take-over to the append that fails, or the stop. Everything in it is dropped
// together.
import { encodeEvents } from "@millrace/codec/events-v1.ts";
import type { AppendOutcome, Journal } from "@millrace/journal/journal.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import { term } from "@millrace/model/ids.ts";
import { Checkpoint } from "./checkpoint.ts";
import { CheckpointSchedule } from "./checkpoint-schedule.ts";
import { Commit } from "./commit.ts";
import { Decider } from "./decider.ts";
import type { EndWatch } from "./end-watch.ts";
import type { Mailbox } from "./mailbox.ts";
import { adopted, emptyMemory, type ShardMemory } from "./memory.ts";
import { Outbox } from "./outbox/outbox.ts";
import { type Recovered, recover } from "./recovery.ts";
import { Replay } from "./replay.ts";
import { NotOwned, type ShardOptions } from "./shard-options.ts";
import { Timekeeper } from "./timekeeper.ts";
import type { Turn } from "./turn.ts";
import { type LostOutcome, TurnLoop } from "./turn-loop.ts";
import type { Watches } from "./watches.ts";

/** What lives as long as the shard and outlasts a time of service. */
export interface ShardParts {
  readonly options: ShardOptions;
  readonly mailbox: Mailbox;
  readonly ends: EndWatch;
  readonly watches: Watches;
  readonly holders: ReadonlySet<TaskHolder>;
  /** Watchers of these runs are to be told. */
  readonly tellWatchers: (turn: Turn) => void;
  readonly fail: (outcome: LostOutcome, lost: readonly Turn[]) => void;
  readonly broken: (error: unknown, lost: readonly Turn[]) => void;
}

export interface Serving {
  readonly memory: ShardMemory;
  readonly commit: Commit;
  readonly loop: TurnLoop;
  readonly timekeeper: Timekeeper;
  readonly checkpoints: CheckpointSchedule;
  readonly outbox: Outbox;
}

/** Memory as the journal has it, and the way to write behind it. */
export interface ReadBack {
  readonly memory: ShardMemory;
  readonly commit: Commit;
  readonly found: Recovered;
}

/** Reads memory back. */
export async function readBack(parts: ShardParts, journal: Journal): Promise<ReadBack> {
  const { options } = parts;
  // The time of service before may have left a slice under way: until it is whole, the store says two things at once.
  await new Promise<void>((resolve) => {
    options.store.flush(() => resolve());
  });
  const replay = new Replay(emptyMemory(options, parts.holders), options.store);
  return { ...(await readOn(parts, journal, replay)), memory: replay.memory };
}

/** Goes on with what a standby has folded, and reads what came behind it. */
export async function adopt(parts: ShardParts, journal: Journal, replay: Replay): Promise<ReadBack> {
  return { ...(await readOn(parts, journal, replay)), memory: adopted(replay.memory, parts.holders) };
}

async function readOn(parts: ShardParts, journal: Journal, replay: Replay): Promise<Omit<ReadBack, "memory">> {
  const { observer } = parts.options;
  const found = await recover(replay, journal, (records) => observer.recovering(records));
  const tail = journal.tail();
  return { commit: new Commit(journal, tail, term(tail.term + 1)), found };
}

/**
 * Claims the next term. `full`: there is no room for the claim; it can be tried again. `lost`: nobody knows whether the
 * claim is durable, or another owner was faster; the journal must be opened anew. Throws {@link NotOwned}.
 */
export async function takeOver(
  parts: ShardParts,
  journal: Journal,
  { memory, commit, found }: ReadBack,
): Promise<Serving | "full" | "lost"> {
  const { options } = parts;
  if (options.terms?.mayClaim() === false) throw new NotOwned("The shard was given to another process meanwhile.");
  const outcome = await claim(options, commit);
  if (outcome.type === "full") return "full";
  if (outcome.type !== "appended") return "lost";
  const serving = compose(parts, memory, commit, journal);
  options.observer.recovered({ ...found, term: commit.term });
  return serving;
}

/** Appends the record that begins the term: from here, an older owner's appends are stale (I2). */
function claim(options: ShardOptions, commit: Commit): Promise<AppendOutcome> {
  const timeMs = Math.max(options.clock.nowMs(), commit.timeMs);
  const body = encodeEvents([{ type: "shard-claimed", node: options.node }], 0, timeMs);
  return new Promise((resolve) => {
    commit.append(timeMs, body, resolve);
  });
}

/** Ends it; returns the turns that were under way. */
export function endServing({ timekeeper, checkpoints, outbox, loop }: Serving): Turn[] {
  timekeeper.end();
  checkpoints.end();
  outbox.end();
  return loop.end();
}

function compose(parts: ShardParts, memory: ShardMemory, commit: Commit, journal: Journal): Serving {
  const { options, mailbox, ends, watches } = parts;
  const { store, clock, observer } = options;
  const decider = new Decider(memory, options.findDefinition, ends, (runId) => watches.has(runId));
  const wake = (): void => loop.wake();
  const outbox = new Outbox({
    ...{ memory, blobs: options.blobs, clock, submit: options.submit, wake },
    post: (letter) => mailbox.push(letter),
    unreadable: (reason) => observer.unreadable(reason),
  });
  const loop: TurnLoop = new TurnLoop({
    memory,
    commit,
    decider,
    outbox,
    mailbox,
    clock,
    observer,
    leased: options.leased,
    performed: (turn) => {
      if (turn.sent.length > 0) outbox.send(turn.sent);
      if (turn.watched.size > 0) parts.tellWatchers(turn);
      timekeeper.arm();
      checkpoints.consider();
    },
    fail: parts.fail,
    broken: parts.broken,
  });
  const hold = (quiet: () => void): void => loop.hold(quiet);
  const timekeeper = new Timekeeper({ memory, store, mailbox, clock, commit, wake, hold });
  const scene = { memory, commit, store, journal, clock, hold };
  const checkpoints = new CheckpointSchedule({
    memory,
    commit,
    clock,
    observer,
    begin: (done) =>
      new Checkpoint(scene, (outcome) => {
        done(outcome);
        // Starts may have waited for room.
        loop.wake();
      }),
  });
  return { memory, commit, loop, timekeeper, checkpoints, outbox };
}
