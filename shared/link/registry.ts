// The port of the registry: named, versioned definitions. A small journal of its own, folded by every node.
import type { Definition } from "@millrace/model/definition.ts";
import type { TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";

export interface RegisteredDefinition {
  readonly tenant: TenantId;
  readonly name: WorkflowName;
  /** From 1. */
  readonly version: number;
  readonly definition: Definition;
  /** As it was written by its author, YAML or JSON. */
  readonly source: string;
  readonly registeredMs: number;
}

export interface Registration {
  readonly registered: RegisteredDefinition;
  /** Whether this made the version. */
  readonly created: boolean;
}

export interface Registry {
  /**
   * Adds a version, durable before the promise resolves. The same definition as the newest version is that version:
   * `created` is false and nothing is written. Refused when it cannot be made durable; asking again is safe.
   */
  register(tenant: TenantId, definition: Definition, source: string): Promise<Registration | Refusal>;
  /** A version, or the newest with `version` 0. */
  get(tenant: TenantId, name: WorkflowName, version: number): RegisteredDefinition | undefined;
  /** The newest version of each workflow, by name. */
  list(tenant: TenantId): readonly RegisteredDefinition[];
  /** How many versions a workflow has. */
  versions(tenant: TenantId, name: WorkflowName): number;
  /** Visits the newest version of every workflow of every tenant now, and every version registered later. */
  follow(visit: (registered: RegisteredDefinition) => void): void;
}
