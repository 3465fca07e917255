// The compiled plans of the definitions this shard's runs are pinned to.
import { compilePlan } from "@millrace/core/plan/compile.ts";
import type { Plan } from "@millrace/core/plan/plan.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { Position, TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";
import type { ShardRow } from "@millrace/store/store.ts";

/** A plan and the definition it was compiled from. */
export interface PinnedPlan {
  readonly plan: Plan;
  readonly event: DefinitionPinned;
}

/** A definition that is not in the store yet, and the position of the record that holds it. */
export interface RecentPin {
  readonly event: DefinitionPinned;
  readonly position: Position;
}

/** Grows by a definition version whenever a run first uses one; never shrinks while the shard is up. */
export class Plans {
  readonly #pinned = new Map<string, PinnedPlan>();
  readonly #recent = new Map<string, RecentPin>();

  get(tenant: TenantId, workflow: WorkflowName, version: number): PinnedPlan | undefined {
    return this.#pinned.get(definitionKey(tenant, workflow, version));
  }

  /** Takes a definition that is, or is about to be, in the journal. Doing it twice is doing it once. */
  pin(event: DefinitionPinned, position: Position): PinnedPlan {
    const key = keyOf(event);
    const known = this.#pinned.get(key);
    if (known !== undefined) return known;
    this.#recent.set(key, { event, position });
    return this.#add(key, event);
  }

  /** Takes a definition that is in the store. */
  restore(event: DefinitionPinned): void {
    this.#add(keyOf(event), event);
  }

  /** Those a checkpoint of everything up to `target` has to write. */
  upTo(target: Position): RecentPin[] {
    return [...this.#recent.values()].filter(({ position }) => position <= target);
  }

  /** These are in the store now. */
  stored(rows: readonly ShardRow[]): void {
    for (const { key } of rows) this.#recent.delete(key);
  }

  #add(key: string, event: DefinitionPinned): PinnedPlan {
    const definition: unknown = JSON.parse(event.body);
    if (!isDefinition(definition)) throw new Error(`${key} is pinned to something else than a definition.`);
    const pinned = { plan: compilePlan(definition), event };
    this.#pinned.set(key, pinned);
    return pinned;
  }
}

/** What the keys of definitions in the store begin with. */
export const DEFINITION_PREFIX = "definition/";

/** What a definition is called in the store. */
export function definitionKey(tenant: TenantId, workflow: WorkflowName, version: number): string {
  return `${DEFINITION_PREFIX}${tenant}/${workflow}@${version}`;
}

function keyOf({ tenant, workflow, version }: DefinitionPinned): string {
  return definitionKey(tenant, workflow, version);
}

/** The body was checked before it was registered and is never rewritten; this tells it from anything else. */
function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "steps" in value && Array.isArray(value.steps);
}
