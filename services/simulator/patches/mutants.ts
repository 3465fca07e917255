// The safety code, broken on purpose, one piece at a time: each mutant must be caught by some seed.
import type { Patch } from "./patch.ts";

export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Seeds within which it must be caught. */
  readonly seedsMax: number;
}

const HOST = "services/shard-host";
const LOG = "shared/journal/memory/log.ts";

export const MUTANTS: readonly Mutant[] = [
  {
    name: "ack barrier off",
    seedsMax: 10,
    patches: [
      {
        file: `${HOST}/turn-loop.ts`,
        find: "    this.#inFlight = turn;\n",
        put: "    this.#perform(turn);\n    this.#inFlight = turn;\n",
      },
    ],
  },
  {
    name: "reads not held",
    seedsMax: 60,
    patches: [
      {
        file: `${HOST}/turn-loop.ts`,
        find: "else if (seen <= this.#scene.commit.acked) leave();",
        put: "else if (seen >= 0) leave();",
      },
    ],
  },
  {
    name: "de-duplication of results off",
    seedsMax: 20,
    patches: [
      {
        file: "shared/core/run/commands/result.ts",
        find: 'if (task?.status !== "scheduled" || task.attempt !== attempt) return REPEATED;',
        put: "if (task === undefined) return REPEATED;",
      },
    ],
  },
  {
    name: "epoch of results ignored",
    seedsMax: 200,
    patches: [{ file: "shared/core/run/commands/result.ts", find: "run.epoch !== result.epoch || ", put: "" }],
  },
  {
    name: "resume empty",
    seedsMax: 20,
    patches: [
      {
        file: "shared/core/run/resume.ts",
        find: "if (run.endedMs !== 0) return;",
        put: "if (run.runId !== '') return;",
      },
    ],
  },
  {
    name: "fence off",
    seedsMax: 60,
    patches: [
      {
        file: LOG,
        find: "return append.fence !== this.#fence || append.expected !== this.#tail.position;",
        put: "return append.fence === FENCED;",
      },
    ],
  },
  {
    name: "chain off",
    seedsMax: 60,
    patches: [
      { file: LOG, find: "if (!this.#refuses(append)) this.#store(append);", put: "this.#store(append);" },
      {
        file: "shared/journal/record.ts",
        find: "const wrong = wrongHeader(bytes, offset) ?? wrongSuccessor(bytes, offset, previous);",
        put: "const wrong = wrongHeader(bytes, offset);",
      },
    ],
  },
  {
    name: "overlay dropped",
    seedsMax: 10,
    patches: [{ file: `${HOST}/actors.ts`, find: "this.overlay.set(actor.runId, {", put: "void (actor.runId, {" }],
  },
  {
    name: "checkpoint of what is not durable",
    seedsMax: 60,
    patches: [{ file: `${HOST}/checkpoint.ts`, find: "> commit.acked) restless", put: "> Infinity) restless" }],
  },
  {
    name: "truncated before it is flushed",
    seedsMax: 60,
    patches: [
      {
        file: `${HOST}/checkpoint.ts`,
        find: "    this.#scene.store.flush((outcome) => {",
        put: "    void this.#scene.journal.truncateBefore(position(this.#target + 1));\n    this.#scene.store.flush((outcome) => {",
      },
    ],
  },
  {
    name: "keys not restored",
    seedsMax: 10,
    patches: [
      {
        file: `${HOST}/recovery.ts`,
        find: 'if (event.idempotencyKey === "") return;',
        put: 'if (event.idempotencyKey !== "?") return;',
      },
    ],
  },
  {
    name: "timers not re-armed",
    seedsMax: 20,
    patches: [{ file: "shared/core/run/resume.ts", find: "if (dueMs > 0) ", put: "if (dueMs < 0) " }],
  },
  {
    name: "replay skips nothing",
    seedsMax: 60,
    patches: [
      { file: `${HOST}/recovery.ts`, find: "if (actor.position >= record.position && !actor.dirty) return;", put: "" },
      { file: `${HOST}/recovery.ts`, find: "if (actor.position > record.position) return;", put: "" },
    ],
  },
  {
    name: "start without a look at its key",
    seedsMax: 10,
    patches: [
      {
        file: `${HOST}/decider.ts`,
        find: 'command.idempotencyKey === "" ? undefined :',
        put: 'command.idempotencyKey !== "?" ? undefined :',
      },
    ],
  },
];
