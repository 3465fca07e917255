// What a list can be restricted to, a tenant or one workflow of a tenant, numbered per environment to keep keys small.
import type { TenantId, WorkflowName } from "@millrace/model/ids.ts";
import type { Bytes, Environment } from "./environment.ts";

/** Numbers remembered per environment, some 8 MB at most; beyond, LMDB is asked again. */
const REMEMBERED_MAX = 65_536;
const COUNT = Buffer.from("scopes");

/** Name of the scope of all runs of a tenant. */
export const tenantScope = (tenant: TenantId): string => tenant;
/** Name of the scope of one workflow's runs. Neither name may hold a slash. */
export const workflowScope = (tenant: TenantId, workflow: WorkflowName): string => `${tenant}/${workflow}`;

export class Scopes {
  readonly #facts: Bytes;
  readonly #scopes: Bytes;
  readonly #known = new Map<string, number>();

  constructor(environment: Environment & { readonly scopes: Bytes }) {
    this.#facts = environment.facts;
    this.#scopes = environment.scopes;
  }

  /** The number of a scope, or undefined when nothing was ever listed in it. */
  find(name: string): number | undefined {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const stored = this.#scopes.get(Buffer.from(name))?.readUInt32BE(0);
    if (stored !== undefined) this.#remember(name, stored);
    return stored;
  }

  /** The number of a scope, given to it now if need be. Only inside a write transaction. */
  number(name: string): number {
    const known = this.find(name);
    if (known !== undefined) return known;
    const next = Buffer.alloc(4);
    next.writeUInt32BE((this.#facts.get(COUNT)?.readUInt32BE(0) ?? 0) + 1);
    this.#facts.putSync(COUNT, next);
    this.#scopes.putSync(Buffer.from(name), next);
    this.#remember(name, next.readUInt32BE(0));
    return next.readUInt32BE(0);
  }

  /** After a transaction was undone: the numbers it gave were never given. */
  forget(): void {
    this.#known.clear();
  }

  #remember(name: string, scope: number): void {
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.set(name, scope);
  }
}
