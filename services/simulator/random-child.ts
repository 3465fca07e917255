// Random steps that start runs of other workflows. Only of later ones: a world with cycles would never end.
import type { Prng } from "@millrace/clock/prng.ts";
import type { OnCancel, StepDefinition } from "@millrace/model/definition.ts";
import { between, pick, pickAny } from "./choice.ts";

/** A workflow that nobody registers. */
const NOWHERE = "nowhere";

/** What makes a step start one of the `callable` workflows; most children take what their parents were given. */
export function randomChild(prng: Prng, callable: readonly string[]): Partial<StepDefinition> {
  const wait = prng.chance(0.75);
  const onCancel: OnCancel = wait ? pick(prng, ["cancel", "cancel", "cancel", "terminate", "abandon"]) : "abandon";
  const child = { name: randomName(prng, callable), version: prng.chance(0.1) ? 1 : 0, wait, onCancel };
  const isList = prng.chance(0.35);
  const n = isList ? "${item}" : "${input.n}";
  return {
    uses: "workflow",
    kind: "workflow",
    child,
    ...(prng.chance(0.2) && !isList
      ? {}
      : { with: { n, items: "${input.items}", pad: "${input.pad}" }, hasWith: true }),
    ...(isList ? { forEach: "input.items.filter(i, i < 4)", maxConcurrency: between(prng, 1, 4) } : {}),
    stepTimeoutMs: pick(prng, [0, 0, 0, 0, 5_000, 60_000]),
    retry: {
      maxAttempts: pick(prng, [1, 1, 2, 3]),
      initialDelayMs: pick(prng, [10, 2_000]),
      maxDelayMs: 90_000,
      multiplier: 2,
    },
  };
}

function randomName(prng: Prng, callable: readonly string[]): string {
  if (prng.chance(0.03)) return NOWHERE;
  const name = pickAny(prng, callable) ?? NOWHERE;
  return prng.chance(0.2) ? `\${input.n > 4 ? '${name}' : '${pickAny(prng, callable) ?? NOWHERE}'}` : name;
}
