// The registry: definitions in a journal of their own, which every process folds in memory (DESIGN §6a).
import type { Clock } from "@millrace/clock/clock.ts";
import type { JournalRecord } from "@millrace/journal/journal.ts";
import type { Ledger, OpenLedger } from "@millrace/journal/ledger.ts";
import { RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import type { RegisteredDefinition, Registration, Registry } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { type TenantId, tenantId, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { diskFull, unavailable } from "../refusals.ts";

/** What a record of the registry holds, as JSON: there are few, and people may want to read them. */
interface Entry {
  readonly tenant: string;
  readonly name: string;
  readonly version: number;
  readonly definition: Definition;
  readonly source: string;
  readonly registeredMs: number;
}

/** How often a registration is tried again when another process registered something first. */
const TRIES_MAX = 16;

export class JournaledRegistry implements Registry {
  readonly #clock: Clock;
  /** Versions of each workflow, oldest first, by tenant and name. */
  readonly #workflows = new Map<string, RegisteredDefinition[]>();
  readonly #followers: ((registered: RegisteredDefinition) => void)[] = [];
  #journal: Ledger | null = null;
  /** Registrations of this process one after the other: each appends behind the one before. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(clock: Clock) {
    this.#clock = clock;
  }

  static async open(openJournal: OpenLedger, clock: Clock): Promise<JournaledRegistry> {
    const registry = new JournaledRegistry(clock);
    registry.#journal = await openJournal((record) => registry.#read(record));
    return registry;
  }

  register(tenant: TenantId, definition: Definition, source: string): Promise<Registration | Refusal> {
    const turn = this.#last.then(() => this.#register(tenant, definition, source));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  get(tenant: TenantId, name: WorkflowName, version: number): RegisteredDefinition | undefined {
    const versions = this.#workflows.get(keyOf(tenant, name));
    return version === 0 ? versions?.at(-1) : versions?.[version - 1];
  }

  list(tenant: TenantId): readonly RegisteredDefinition[] {
    return [...this.#workflows.values()]
      .flatMap((versions) => versions.at(-1) ?? [])
      .filter((registered) => registered.tenant === tenant)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  versions(tenant: TenantId, name: WorkflowName): number {
    return this.#workflows.get(keyOf(tenant, name))?.length ?? 0;
  }

  follow(visit: (registered: RegisteredDefinition) => void): void {
    this.#followers.push(visit);
    for (const versions of this.#workflows.values()) {
      const newest = versions.at(-1);
      if (newest !== undefined) visit(newest);
    }
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#journal?.close();
  }

  async #register(tenant: TenantId, definition: Definition, source: string): Promise<Registration | Refusal> {
    const { name } = definition;
    const written = JSON.stringify(definition);
    for (let tries = 0; tries < TRIES_MAX && this.#journal !== null; tries++) {
      const newest = this.get(tenant, name, 0);
      if (newest !== undefined && JSON.stringify(newest.definition) === written)
        return { registered: newest, created: false };
      const version = this.versions(tenant, name) + 1;
      const outcome = await this.#append(this.#journal, { tenant, name, version, definition, source });
      if (outcome === "appended") return this.#registered(tenant, name, version);
      if (outcome !== "stale") return outcome;
      await this.#journal.catchUp();
    }
    return unavailable("Other processes register workflows all the time.");
  }

  #registered(tenant: TenantId, name: WorkflowName, version: number): Registration {
    const registered = this.get(tenant, name, version);
    if (registered === undefined) throw new Error(`Version ${version} of ${name} was appended and not visited.`);
    return { registered, created: true };
  }

  async #append(journal: Ledger, entry: Omit<Entry, "registeredMs">): Promise<"appended" | "stale" | Refusal> {
    const registeredMs = this.#clock.nowMs();
    const body = Buffer.from(JSON.stringify({ ...entry, registeredMs }));
    if (body.length > RECORD_BODY_BYTES_MAX) return tooLarge(body.length);
    const outcome = await journal.append(journal.visited, body, registeredMs);
    switch (outcome.type) {
      case "appended":
      case "stale":
        return outcome.type;
      case "full":
        return diskFull();
      case "unknown":
        await journal.catchUp();
        return unavailable("The definition may have been written or not.");
    }
  }

  #read(record: JournalRecord): void {
    const entry: unknown = JSON.parse(Buffer.from(record.body).toString("utf8"));
    if (!isEntry(entry)) throw new Error(`The registry's record ${record.position} holds no definition.`);
    const registered = { ...entry, tenant: tenantId(entry.tenant), name: workflowName(entry.name) };
    const key = keyOf(registered.tenant, registered.name);
    const versions = this.#workflows.get(key);
    if (versions === undefined) this.#workflows.set(key, [registered]);
    else versions.push(registered);
    for (const visit of this.#followers) visit(registered);
  }
}

/** Source and definition are each within their bounds, and yet, with the source's line ends and quotes escaped, too much. */
function tooLarge(bytes: number): Refusal {
  return {
    code: "WORKFLOW_INVALID",
    field: "source",
    message: `Source and definition take ${bytes} bytes as JSON together; at most ${RECORD_BODY_BYTES_MAX} are kept.`,
    fix: "Split the workflow, or pass data as input.",
    retryDelayMs: 0,
  };
}

/** Our own words, which the journal has checked against their checksum; this tells them from another journal's. */
function isEntry(value: unknown): value is Entry {
  return typeof value === "object" && value !== null && "definition" in value && "registeredMs" in value;
}

function keyOf(tenant: TenantId, name: WorkflowName): string {
  return `${tenant}/${name}`;
}
