import type { RegisteredDefinition, Registry } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { TenantId, WorkflowName } from "@millrace/model/ids.ts";

/** A registry in memory, for the gateway's own tests. */
export class FakeRegistry implements Registry {
  readonly all: RegisteredDefinition[] = [];
  readonly #followers: ((registered: RegisteredDefinition) => void)[] = [];

  async register(
    tenant: TenantId,
    definition: Definition,
    source: string,
  ): Promise<{ registered: RegisteredDefinition; created: boolean }> {
    const newest = this.get(tenant, definition.name, 0);
    if (newest !== undefined && JSON.stringify(newest.definition) === JSON.stringify(definition)) {
      return { registered: newest, created: false };
    }
    const version = this.versions(tenant, definition.name) + 1;
    const registered = { tenant, name: definition.name, version, definition, source, registeredMs: 1_767_225_600_000 };
    this.all.push(registered);
    for (const visit of this.#followers) visit(registered);
    return { registered, created: true };
  }

  get(tenant: TenantId, name: WorkflowName, version: number): RegisteredDefinition | undefined {
    return this.all.findLast(
      (each) => each.tenant === tenant && each.name === name && (version === 0 || each.version === version),
    );
  }

  list(tenant: TenantId): readonly RegisteredDefinition[] {
    const names = [...new Set(this.all.filter((each) => each.tenant === tenant).map(({ name }) => name))].sort();
    return names.flatMap((name) => this.get(tenant, name, 0) ?? []);
  }

  versions(tenant: TenantId, name: WorkflowName): number {
    return this.all.filter((each) => each.tenant === tenant && each.name === name).length;
  }

  follow(visit: (registered: RegisteredDefinition) => void): void {
    this.#followers.push(visit);
    for (const registered of this.all) visit(registered);
  }
}
