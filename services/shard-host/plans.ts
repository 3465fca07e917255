// The compiled plans of the definitions this shard's runs are pinned to.
import { compilePlan } from "@millrace/core/plan/compile.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";

/** A plan and the definition it was compiled from. */
export interface PinnedPlan {
  readonly plan: Plan;
  readonly event: DefinitionPinned;
}

/** Grows by a definition version whenever a run first uses one; never shrinks while the shard is up. */
export class Plans {
  readonly #pinned = new Map<string, PinnedPlan>();

  get(tenant: TenantId, workflow: WorkflowName, version: number): PinnedPlan | undefined {
    return this.#pinned.get(keyOf(tenant, workflow, version));
  }

  /** Takes a definition that is, or is about to be, in the journal. Doing it twice is doing it once. */
  pin(event: DefinitionPinned): PinnedPlan {
    const key = keyOf(event.tenant, event.workflow, event.version);
    const known = this.#pinned.get(key);
    if (known !== undefined) return known;
    const definition: unknown = JSON.parse(event.body);
    if (!isDefinition(definition)) throw new Error(`${key} is pinned to something else than a definition.`);
    const pinned = { plan: compilePlan(definition), event };
    this.#pinned.set(key, pinned);
    return pinned;
  }

  /** Everything pinned, for the checkpoint. */
  events(): DefinitionPinned[] {
    return [...this.#pinned.values()].map((pinned) => pinned.event);
  }
}

/** The body was checked before it was registered and is never rewritten; this tells it from anything else. */
function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "steps" in value && Array.isArray(value.steps);
}

function keyOf(tenant: TenantId, workflow: WorkflowName, version: number): string {
  return `${tenant}/${workflow}@${version}`;
}
