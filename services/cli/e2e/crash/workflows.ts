// What the crash tests run: one workflow for each way a run can be caught in the middle of something.
//
// Every task's output holds a nonce of its execution, and every task is given the nonces of what it needs. So history
// alone shows which execution was recorded, and whether anybody ever saw another result of the same step.

/** Items of the fan-out. */
export const ITEMS = 20;

/** The attempt of a flaky step that succeeds. */
export const FLAKY_SUCCEEDS_AT = 3;

/** Output of a bulky step: as large as stays in the journal. A hundred such runs are due for a checkpoint. */
export const BULKY_CHARACTERS = 60_000;

/** Output of a large step: so large that it becomes a blob. */
export const LARGE_CHARACTERS = 100_000;

export interface CrashWorkflow {
  readonly name: string;
  readonly source: string;
  /** Task steps in order, each of which sees the results of the one before it. */
  readonly tasks: readonly string[];
  /** How often it is started, compared with the others. */
  readonly weight: number;
  /** Whether its runs wait for the signal `go`. */
  readonly wantsSignal: boolean;
}

function workflow(name: string, options: { steps: string; tasks: string[]; weight?: number; wantsSignal?: boolean }) {
  const { steps, tasks, weight = 1, wantsSignal = false } = options;
  const nonces = tasks.map((task) => `"\${${noncesOf(task)}}"`).join(", ");
  const signal = wantsSignal ? ', signal: "${steps.go.output}"' : "";
  const source = `name: ${name}\nsteps:\n${steps}output: { order: "\${input.order}", results: [${nonces}]${signal} }\n`;
  return { name, source, tasks, weight, wantsSignal };
}

/** Of a step over items: the list of theirs. */
const noncesOf = (task: string): string =>
  task === "each" ? "steps.each.output.map(o, o.nonce)" : `steps.${task}.output.nonce`;

/** A task step that sees the output of the one it needs. */
function step(name: string, uses: string, needs?: string, more = ""): string {
  const seen = needs === undefined ? "null" : `"\${steps.${needs}.output.nonce}"`;
  const line = needs === undefined ? "" : `needs: ${needs}, `;
  return `  ${name}: { ${line}uses: ${uses}, with: { seen: ${seen} }${more} }\n`;
}

const FLAKY = ", retry: { maxAttempts: 20, initialDelay: 20ms, maxDelay: 60ms }";

export const CRASH_WORKFLOWS: readonly CrashWorkflow[] = [
  workflow("crash-standard", {
    steps:
      step("a", "crash.step") +
      step("b", "crash.step", "a") +
      step("c", "crash.step", "b") +
      step("d", "crash.step", "c") +
      step("e", "crash.step", "d"),
    tasks: ["a", "b", "c", "d", "e"],
    weight: 8,
  }),
  workflow("crash-fan-out", {
    steps:
      step("split", "crash.split") +
      '  each: { needs: split, forEach: "${steps.split.output.items}", maxConcurrency: 7, uses: crash.step,' +
      ' with: { seen: "${steps.split.output.nonce}", item: "${item}" } }\n' +
      '  join: { needs: each, uses: crash.step, with: { seen: "${steps.each.output.map(o, o.nonce)}" } }\n',
    tasks: ["split", "each", "join"],
    weight: 2,
  }),
  workflow("crash-sleep", {
    steps:
      step("a", "crash.step") +
      "  pause: { needs: a, uses: sleep, with: { for: 300ms } }\n" +
      '  b: { needs: [a, pause], uses: crash.step, with: { seen: "${steps.a.output.nonce}" } }\n',
    tasks: ["a", "b"],
    weight: 2,
  }),
  workflow("crash-signal", {
    steps:
      step("a", "crash.step") +
      "  go: { needs: a, uses: signal, with: { name: go } }\n" +
      '  b: { needs: [a, go], uses: crash.step, with: { seen: "${steps.a.output.nonce}" } }\n',
    tasks: ["a", "b"],
    weight: 2,
    wantsSignal: true,
  }),
  workflow("crash-flaky", {
    steps: step("a", "crash.flaky", undefined, FLAKY) + step("b", "crash.flaky", "a", FLAKY),
    tasks: ["a", "b"],
    weight: 2,
  }),
  workflow("crash-bulky", {
    steps: step("a", "crash.bulky") + step("b", "crash.bulky", "a") + step("c", "crash.bulky", "b"),
    tasks: ["a", "b", "c"],
    weight: 4,
  }),
  workflow("crash-large", { steps: step("a", "crash.large") + step("b", "crash.step", "a"), tasks: ["a", "b"] }),
];
