// Where an expression stands, which decides what it may name.

import type { ExpressionProblem } from "./grammar.ts";
import { nearest } from "./suggestion.ts";

export interface Site {
  /** For messages, e.g. `steps.charge.with`. */
  readonly field: string;
  /** Every step of the workflow and its ordinal. */
  readonly ordinals: ReadonlyMap<string, number>;
  /** Whether a step is surely settled when this is evaluated. */
  readonly readable: (step: number) => boolean;
  /** Whether `item` and `index` have meaning here. */
  readonly hasItem: boolean;
}

/** Stops compiling at the first mistake; caught where compiling began. */
export class Refused extends Error {
  readonly problem: ExpressionProblem;
  constructor(message: string, fix: string, offset: number) {
    super(message);
    this.problem = { message, fix, offset };
  }
}

/** The ordinal of the step an expression names. */
export function stepAt(site: Site, name: string, offset: number): number {
  const ordinal = site.ordinals.get(name);
  if (ordinal === undefined) {
    const guess = nearest(name, site.ordinals.keys());
    throw new Refused(
      `there is no step \`${name}\``,
      guess === undefined ? knownSteps(site) : `Did you mean \`${guess}\`?`,
      offset,
    );
  }
  if (site.readable(ordinal)) return ordinal;
  const fix = `Add \`${name}\` to \`needs\`, so that it is done before.`;
  throw new Refused(`it reads step \`${name}\`, which this step does not need`, fix, offset);
}

/** As many step names as a message bears. */
const NAMED_STEPS_MAX = 10;

function knownSteps(site: Site): string {
  const names = [...site.ordinals.keys()];
  const more = names.length > NAMED_STEPS_MAX ? ", …" : "";
  return names.length === 0
    ? "The workflow has no steps."
    : `Known steps: ${names.slice(0, NAMED_STEPS_MAX).join(", ")}${more}.`;
}
