// The registry of one process: definitions in a journal of their own, folded in memory (DESIGN §6a).
import type { Clock } from "@millrace/clock/clock.ts";
import type { AppendOutcome, Journal, OpenJournal } from "@millrace/journal/journal.ts";
import { encodeRecord, RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import type { RegisteredDefinition, Registration, Registry } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { position, type TenantId, tenantId, term, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
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

export class JournaledRegistry implements Registry {
  readonly #clock: Clock;
  readonly #openJournal: OpenJournal;
  /** Versions of each workflow, oldest first, by tenant and name. */
  readonly #workflows = new Map<string, RegisteredDefinition[]>();
  readonly #followers: ((registered: RegisteredDefinition) => void)[] = [];
  #journal: Journal;
  /** Registrations one after the other: each appends behind the one before. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(clock: Clock, openJournal: OpenJournal, journal: Journal) {
    this.#clock = clock;
    this.#openJournal = openJournal;
    this.#journal = journal;
  }

  static async open(openJournal: OpenJournal, clock: Clock): Promise<JournaledRegistry> {
    const registry = new JournaledRegistry(clock, openJournal, await openJournal());
    await registry.#read();
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

  close(): Promise<void> {
    return this.#last.then(() => this.#journal.close());
  }

  async #register(tenant: TenantId, definition: Definition, source: string): Promise<Registration | Refusal> {
    const { name } = definition;
    const newest = this.get(tenant, name, 0);
    if (newest !== undefined && JSON.stringify(newest.definition) === JSON.stringify(definition))
      return { registered: newest, created: false };
    const version = this.versions(tenant, name) + 1;
    const registered = { tenant, name, version, definition, source, registeredMs: this.#clock.nowMs() };
    const refusal = await this.#append(registered);
    if (refusal !== undefined) return refusal;
    this.#fold(registered);
    for (const visit of this.#followers) visit(registered);
    return { registered, created: true };
  }

  async #append(entry: Entry): Promise<Refusal | undefined> {
    const body = Buffer.from(JSON.stringify(entry));
    if (body.length > RECORD_BODY_BYTES_MAX) return tooLarge(body.length);
    const tail = this.#journal.tail();
    const head = {
      position: position(tail.position + 1),
      term: term(Math.max(1, tail.term)),
      timeMs: Math.max(entry.registeredMs, tail.timeMs),
      previousChain: tail.chain,
    };
    const { frame } = encodeRecord(head, body);
    const outcome = await new Promise<AppendOutcome>((resolve) => this.#journal.append(tail.position, frame, resolve));
    if (outcome.type === "appended") return undefined;
    if (outcome.type === "full") return diskFull();
    await this.#reopen();
    return unavailable("The definition may have been written or not.");
  }

  /** After an append nobody knows the end of: what is durable counts. */
  async #reopen(): Promise<void> {
    await this.#journal.close();
    this.#journal = await this.#openJournal();
    this.#workflows.clear();
    await this.#read();
  }

  async #read(): Promise<void> {
    await this.#journal.read(position(1), (record) => {
      const entry: unknown = JSON.parse(Buffer.from(record.body).toString("utf8"));
      if (!isEntry(entry)) throw new Error(`The registry's record ${record.position} holds no definition.`);
      this.#fold({ ...entry, tenant: tenantId(entry.tenant), name: workflowName(entry.name) });
    });
  }

  #fold(registered: RegisteredDefinition): void {
    const key = keyOf(registered.tenant, registered.name);
    const versions = this.#workflows.get(key);
    if (versions === undefined) this.#workflows.set(key, [registered]);
    else versions.push(registered);
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
