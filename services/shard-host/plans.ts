// The compiled plans of the definitions this shard's runs are pinned to.
import { compilePlan } from "@millrace/core/plan/compile.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { Position, TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";
import type { PinnedRow } from "@millrace/store/store.ts";

/** A plan and the definition it was compiled from. */
export interface PinnedPlan {
  readonly plan: Plan;
  readonly event: DefinitionPinned;
}

/** A definition that is not in the store yet, and the position of the record that holds it. */
interface RecentPin {
  readonly event: DefinitionPinned;
  readonly position: Position;
}

/** Grows by a definition version whenever a run first uses one; never shrinks while the shard is up. */
export class Plans {
  readonly #pinned = new Map<string, PinnedPlan>();
  readonly #recent = new Map<string, RecentPin>();

  get(tenant: TenantId, workflow: WorkflowName, version: number): PinnedPlan | undefined {
    return this.#pinned.get(definitionName(tenant, workflow, version));
  }

  /** Takes a definition that is, or is about to be, in the journal. Doing it twice is doing it once. */
  pin(event: DefinitionPinned, position: Position): PinnedPlan {
    const name = nameOf(event);
    const known = this.#pinned.get(name);
    if (known !== undefined) return known;
    this.#recent.set(name, { event, position });
    return this.#add(name, event);
  }

  /** Takes a definition that is in the store. */
  restore(event: DefinitionPinned): void {
    this.#add(nameOf(event), event);
  }

  /** Those a checkpoint of everything up to `target` has to write. */
  upTo(target: Position): DefinitionPinned[] {
    const events: DefinitionPinned[] = [];
    for (const { event, position } of this.#recent.values()) if (position <= target) events.push(event);
    return events;
  }

  /** These are in the store now. */
  stored(rows: readonly PinnedRow[]): void {
    for (const { name } of rows) this.#recent.delete(name);
  }

  #add(name: string, event: DefinitionPinned): PinnedPlan {
    const definition: unknown = JSON.parse(event.body);
    if (!isDefinition(definition)) throw new Error(`${name} is pinned to something else than a definition.`);
    const pinned = { plan: compilePlan(definition), event };
    this.#pinned.set(name, pinned);
    return pinned;
  }
}

/** What a definition is called in the store. */
export function definitionName(tenant: TenantId, workflow: WorkflowName, version: number): string {
  return `${tenant}/${workflow}@${version}`;
}

function nameOf({ tenant, workflow, version }: DefinitionPinned): string {
  return definitionName(tenant, workflow, version);
}

/** The body was checked before it was registered and is never rewritten; this tells it from anything else. */
function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "steps" in value && Array.isArray(value.steps);
}
