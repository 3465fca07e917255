// The DAG: what steps need, whether it is there, and an order in which everything comes after what it needs.
import { nearest } from "@millrace/core/expression/suggestion.ts";
import type { Finding } from "./problem.ts";

/** Steps by name, in the order of the source, with what they say they need; empty = it was no name. */
export type Needs = ReadonlyMap<string, readonly string[]>;

/** As many steps of a cycle as a message bears. */
const NAMED_STEPS_MAX = 20;

/** Keeps the needs that name other steps; reports the rest. A misspelt one counts as the step it probably means. */
export function knownNeeds(needs: Needs, findings: Finding[]): Needs {
  const known = new Map<string, readonly string[]>();
  for (const [step, names] of needs) {
    const kept = new Set<string>();
    for (const [at, name] of names.entries()) {
      if (name === "") continue;
      const path = ["steps", step, "needs", at];
      if (name === step) {
        findings.push({ path, message: `\`${step}\` needs itself`, fix: "Leave it out.", on: "value" });
      } else if (needs.has(name)) kept.add(name);
      else {
        const guess = nearest(name, needs.keys());
        const fix = guess === undefined ? "Name a step of this workflow." : `Did you mean \`${guess}\`?`;
        findings.push({ path, message: `there is no step \`${name}\``, fix, on: "value" });
        if (guess !== undefined && guess !== step) kept.add(guess);
      }
    }
    known.set(step, [...kept]);
  }
  return known;
}

/** Step names so that each comes after all it needs, else in the order of the source; undefined if they need each other. */
export function inOrder(needs: Needs, findings: Finding[]): readonly string[] | undefined {
  const order: string[] = [];
  const placed = new Set<string>();
  const waiting = new Set(needs.keys());
  // At most 500 steps, so at most 500 rounds of 500.
  while (waiting.size > 0) {
    const next = [...waiting].find((step) => (needs.get(step) ?? []).every((need) => placed.has(need)));
    if (next === undefined) {
      findings.push(cycleFinding(needs, waiting));
      return undefined;
    }
    waiting.delete(next);
    placed.add(next);
    order.push(next);
  }
  return order;
}

/** Walks from need to need among steps that all wait for each other until one comes again. */
function cycleFinding(needs: Needs, waiting: ReadonlySet<string>): Finding {
  const walked: string[] = [];
  let [step = ""] = waiting;
  while (!walked.includes(step)) {
    walked.push(step);
    step = needs.get(step)?.find((need) => waiting.has(need)) ?? "";
  }
  const cycle = [...walked.slice(walked.indexOf(step)), step];
  const shown = cycle.length > NAMED_STEPS_MAX ? [...cycle.slice(0, NAMED_STEPS_MAX), "…", step] : cycle;
  return {
    path: ["steps", step, "needs"],
    message: `steps need each other in a circle: ${shown.join(" → ")}`,
    fix: "Take one of these needs away.",
    on: "key",
  };
}
