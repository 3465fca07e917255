// The safety code, broken on purpose, one piece at a time: each mutant must be caught by some seed. A mutant whose text is
// not found any more fails loudly: it has to follow the code it breaks.
import type { Patch } from "./patch.ts";

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Seeds within which it must be caught. */
  readonly seedsMax: number;
}

const HOST = "services/shard-host";
const RUN = "shared/core/run";
const WAYS = "shared/core/messages/ways.ts";
const LOG = "shared/journal/memory/log.ts";

export const MUTANTS: readonly Mutant[] = [
  // I1
  mutant("ack barrier off", 10, [
    `${HOST}/turn-loop.ts`,
    "    this.#inFlight = turn;\n",
    "    this.#perform(turn);\n    this.#inFlight = turn;\n",
  ]),
  mutant("reads not held", 60, [
    `${HOST}/turn-loop.ts`,
    "if (seen <= commit.acked) leave();",
    "if (seen >= 0) leave();",
  ]),
  mutant("unknown taken for written", 30, [
    `${HOST}/commit.ts`,
    "      done(outcome);",
    '      done(outcome.type === "unknown" ? { type: "appended" } : outcome);',
  ]),
  // I2
  mutant("fence off", 60, [
    LOG,
    "return append.fence !== this.#fence || append.expected !== this.#tail.position;",
    "return append.fence === FENCED;",
  ]),
  mutant(
    "chain off",
    60,
    [LOG, "if (!this.#refuses(append)) this.#store(append);", "this.#store(append);"],
    [
      "shared/journal/record.ts",
      "const wrong = wrongHeader(bytes, offset) ?? wrongSuccessor(bytes, offset, previous);",
      "const wrong = wrongHeader(bytes, offset);",
    ],
  ),
  mutant("records follow the wall clock", 60, [
    `${HOST}/turn-loop.ts`,
    "Math.max(clock.nowMs(), commit.timeMs)",
    "clock.nowMs()",
  ]),
  // I3
  mutant("de-duplication of results off", 20, [
    `${RUN}/commands/result.ts`,
    'if (task?.status !== "scheduled" || task.attempt !== attempt) return REPEATED;',
    "if (task === undefined) return REPEATED;",
  ]),
  mutant("epoch of results ignored", 250, [`${RUN}/commands/result.ts`, "run.epoch !== result.epoch || ", ""]),
  mutant("de-duplication of signals off", 20, [
    `${RUN}/commands/signal.ts`,
    'if (signalId !== "" && run.signalIds.includes(signalId)) return REPEATED;',
    "",
  ]),
  mutant("de-duplication of retries off", 20, [
    `${RUN}/commands/retry.ts`,
    "(earlier) => earlier.requestId === requestId",
    "(earlier) => earlier.epoch < 0",
  ]),
  mutant("only the newest retry is remembered", 100, [
    `${RUN}/evolve-run.ts`,
    "if (run.retries.length > RETRIES_KEPT_MAX)",
    "if (run.retries.length > 1)",
  ]),
  mutant("start without a look at its key", 10, [
    `${HOST}/decider.ts`,
    'command.idempotencyKey === "" ? undefined :',
    'command.idempotencyKey !== "?" ? undefined :',
  ]),
  mutant("task key of each attempt", 20, [
    `${HOST}/dispatch/dispatch.ts`,
    "-${entry.item + 1}`",
    "-${entry.item + 1}-${entry.attempt}`",
  ]),
  // I4
  mutant("ends told again", 60, [
    `${HOST}/end-watch.ts`,
    "    this.#watchers.delete(runId);\n    return this.#gone",
    "    return this.#gone",
  ]),
  mutant("ends told to the refused", 100, [`${HOST}/shard.ts`, "this.#ends.drop(letters);", ""]),
  // I5
  mutant("checkpoint of what is not durable", 60, [
    `${HOST}/checkpoint.ts`,
    "> commit.acked) restless",
    "> Number.POSITIVE_INFINITY) restless",
  ]),
  mutant(
    "replay skips nothing",
    60,
    [`${HOST}/replay.ts`, "if (actor.position >= record.position && !actor.dirty) return;", ""],
    [`${HOST}/replay.ts`, "if (actor.position > record.position) return;", ""],
  ),
  mutant("resume empty", 20, [`${RUN}/resume.ts`, "if (run.endedMs !== 0) return;", 'if (run.runId !== "") return;']),
  mutant("timers not re-armed", 20, [`${RUN}/resume.ts`, "if (dueMs > 0) ", "if (dueMs < 0) "]),
  // I6
  mutant("overlay dropped", 10, [`${HOST}/actors.ts`, "this.overlay.set(actor.runId, {", "void (actor.runId, {"]),
  mutant("truncated before it is flushed", 60, [
    `${HOST}/checkpoint.ts`,
    "    this.#scene.store.flush((outcome) => {",
    "    void this.#scene.journal.truncateBefore(position(this.#target + 1));\n    this.#scene.store.flush((outcome) => {",
  ]),
  // Children, and messages between runs
  mutant("de-duplication of messages off", 20, [
    WAYS,
    'if (number <= applied) return "repeated";',
    'if (number <= applied) return "next";',
  ]),
  mutant("gaps between messages ignored", 250, [
    WAYS,
    'return number === applied + 1 ? "next" : "early";',
    'return "next";',
  ]),
  mutant("messages acknowledged before they are durable", 60, [
    `${HOST}/decider.ts`,
    'if (origin !== null) turn.reply(origin, done(ref, runId, standing === "repeated", 0));',
    'origin?.replied([done(ref, runId, standing === "repeated", 0)]);',
  ]),
  mutant("messages sent before they are durable", 20, [
    `${HOST}/turn-loop.ts`,
    "    this.#inFlight = turn;\n",
    "    this.#scene.performed(turn);\n    this.#inFlight = turn;\n",
  ]),
  mutant("messages not read back", 10, [`${HOST}/replay.ts`, "this.memory.ways.replay(event, record.position);", ""]),
  mutant("messages not restored from the checkpoint", 20, [`${HOST}/replay.ts`, "    memory.ways.restore();\n", ""]),
  mutant("messages not sent after a take-over", 20, [`${HOST}/shard.ts`, "    serving.outbox.takeOver();\n", ""]),
  mutant("numbers of messages not in the checkpoint", 20, [
    `${HOST}/checkpoint.ts`,
    "this.#ways = memory.ways.changed();",
    "this.#ways = [];",
  ]),
  mutant("parent told by any epoch", 60, [
    `${RUN}/react.ts`,
    "if (run.parent?.wait === true && run.epoch === 1)",
    "if (run.parent?.wait === true)",
  ]),
  mutant("children not stopped", 20, [
    `${RUN}/react.ts`,
    'if (event.status !== "cancelled") stopChildren(run, plan, reactions);',
    "",
  ]),
  mutant(
    "child of any epoch counts",
    250,
    [`${RUN}/commands/child-ended.ts`, "run.epoch !== epoch || ", ""],
    [
      `${RUN}/commands/child-ended.ts`,
      "if (childOf(run, index, item) !== child)",
      "if (childOf(run, index, item) === null)",
    ],
  ),
  mutant("definitions not stored", 20, [
    `${HOST}/checkpoint.ts`,
    "this.#pins = memory.plans.upTo(this.#target);",
    "this.#pins = [];",
  ]),
  mutant("keys not restored", 10, [`${HOST}/replay.ts`, 'if (key !== "") ', 'if (key === "?") ']),
  // Large payloads
  mutant("a blob that cannot be read counted as lost", 60, [
    `${HOST}/blob-texts.ts`,
    "if (error instanceof BlobDamaged) return undefined;",
    "return undefined;",
  ]),
  mutant("blobs asked for over and over though they are lost", 60, [
    `${RUN}/decide.ts`,
    "decision.lost = command.lost;",
    "decision.lost = [];",
  ]),
  mutant("a second load of a run never begun", 250, [`${HOST}/blob-loads.ts`, "this.#runs.delete(runId);", ""]),
  mutant("an output that waits for blobs owed nothing", 300, [
    `${RUN}/readiness.ts`,
    "if (run.openSteps === 0) return true;",
    "",
  ]),
  mutant("a blob read that was not asked for", 20, [
    `${RUN}/advance.ts`,
    "if (!stepIsReadable(decision, run, step, step.reads)) return;",
    "",
  ]),
  // I7, I8, I9, progress
  mutant("one queue for all tenants", 1000, [
    `${HOST}/mailbox.ts`,
    ".push(letter.command.tenant, letter)",
    '.push("", letter)',
  ]),
  mutant("refused after it was decided", 20, [
    `${HOST}/decider.ts`,
    "turn.reply(letter.origin, done(letter.ref, command.runId, false, 1))",
    "refuse(letter, workflowNotFound(command), turn)",
  ]),
  mutant("watchers not told of changes", 60, [
    `${HOST}/watches.ts`,
    "      for (const watcher of run.watchers) watcher.isBehind = true;\n",
    "",
  ]),
  mutant("mailbox without a bound", 200, [`${HOST}/intake.ts`, "starts >= MAILBOX_STARTS_MAX", "false"]),
];

function mutant(name: string, seedsMax: number, ...changes: (readonly [string, string, string])[]): Mutant {
  return { name, seedsMax, patches: changes.map(([file, find, put]) => ({ file, find, put })) };
}
