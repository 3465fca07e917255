import type { RegisteredDefinition } from "@millrace/link/registry.ts";
import type { Definition, WebhookTrigger } from "@millrace/model/definition.ts";
import { type TenantId, tenantId, type WorkflowName } from "@millrace/model/ids.ts";
import { DEFAULT_TENANT } from "../calls/fields.ts";

/** The workflow that a delivery on a path starts. */
export interface WebhookRoute {
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly version: number;
  readonly trigger: WebhookTrigger;
}

/** A path that is another workflow's already. */
export interface PathConflict {
  readonly path: string;
  readonly workflow: WorkflowName;
}

/** What is before a tenant's name in a webhook's address; a path cannot begin like this. */
const TENANT_MARK = "~";

/**
 * Which workflow each path below `/webhooks/` starts, as the newest versions say. A path belongs to one workflow of a
 * tenant: a delivery has one signature scheme and one run as its answer.
 */
export class WebhookRoutes {
  /** tenant → path → workflow → route */
  readonly #tenants = new Map<TenantId, Map<string, Map<WorkflowName, WebhookRoute>>>();

  /** A newer version replaces every route of the older. */
  register({ tenant, name, version, definition }: RegisteredDefinition): void {
    const paths = this.#tenants.get(tenant) ?? new Map<string, Map<WorkflowName, WebhookRoute>>();
    this.#tenants.set(tenant, paths);
    for (const [path, routes] of paths) {
      const known = routes.get(name);
      if (known !== undefined && known.version > version) return;
      routes.delete(name);
      if (routes.size === 0) paths.delete(path);
    }
    for (const trigger of definition.triggers) {
      const routes = paths.get(trigger.path) ?? new Map<WorkflowName, WebhookRoute>();
      routes.set(name, { tenant, workflow: name, version, trigger });
      paths.set(trigger.path, routes);
    }
  }

  /** The first path of the definition that another workflow of the tenant has. */
  conflict(tenant: TenantId, definition: Definition): PathConflict | undefined {
    const paths = this.#tenants.get(tenant);
    for (const { path } of definition.triggers) {
      for (const workflow of paths?.get(path)?.keys() ?? []) {
        if (workflow !== definition.name) return { path, workflow };
      }
    }
    return undefined;
  }

  /** The route of what follows `/webhooks/` in an address: `<path>` of tenant `default`, or `~<tenant>/<path>`. */
  find(address: string): WebhookRoute | undefined {
    const { tenant, path } = addressed(address);
    const routes = this.#tenants.get(tenant)?.get(path);
    // Two workflows registered at the same instant may both have the path: then the first by name, everywhere.
    return routes === undefined ? undefined : [...routes.values()].sort(byWorkflow)[0];
  }
}

function byWorkflow(left: WebhookRoute, right: WebhookRoute): number {
  return left.workflow < right.workflow ? -1 : 1;
}

function addressed(address: string): { readonly tenant: TenantId; readonly path: string } {
  if (!address.startsWith(TENANT_MARK)) return { tenant: DEFAULT_TENANT, path: address };
  const slash = address.indexOf("/");
  const end = slash < 0 ? address.length : slash;
  // Looked up among the tenants there are, so a name that is none is found nowhere.
  return { tenant: tenantId(address.slice(TENANT_MARK.length, end)), path: address.slice(end + 1) };
}
