// An archive in memory, for tests and the simulation. What is put is as durable as the object: hand it to the next process.
import type { Clock } from "@millrace/clock/clock.ts";
import { type Archive, ArchiveDamaged, type Archived, ArchiveFull } from "../archive.ts";
import { checkName } from "../name.ts";

/** Something asked of the archive. */
export interface ArchiveCall {
  readonly method: "put" | "get" | "list" | "drop";
  /** For `list`, the prefix. */
  readonly name: string;
}

interface Stored {
  readonly archived: Archived;
  readonly chunks: readonly Uint8Array[];
  isDamaged: boolean;
}

/** Default room: a test that fills more has lost its way. */
const BYTES_MAX = 1024 * 1024 * 1024;

export class MemoryArchive implements Archive {
  /** How long each call, and each chunk of a `get`, takes, ms; 0 = a turn of the event loop. */
  latencyMs = 0;
  /** Room for everything together, bytes. */
  bytesMax = BYTES_MAX;
  /** Says which calls fail, and how; null = none. A `put` that fails has stored nothing. */
  fault: ((call: ArchiveCall) => Error | null) | null = null;
  readonly #clock: Clock;
  readonly #stored = new Map<string, Stored>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Archived> {
    checkName(name);
    const kept: Uint8Array[] = [];
    let bytes = 0;
    const taken = this.#bytesBeside(name);
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (taken + bytes > this.bytesMax) {
        throw new ArchiveFull(`no room for ${name}: ${taken} of ${this.bytesMax} bytes are taken`);
      }
      kept.push(Uint8Array.from(chunk));
    }
    await this.#answer({ method: "put", name });
    const archived = { name, bytes, storedMs: this.#clock.nowMs() };
    this.#stored.set(name, { archived, chunks: kept, isDamaged: false });
    return archived;
  }

  async get(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    checkName(name);
    await this.#answer({ method: "get", name });
    const stored = this.#stored.get(name);
    return stored === undefined ? undefined : this.#read(stored);
  }

  async list(prefix: string): Promise<Archived[]> {
    await this.#answer({ method: "list", name: prefix });
    const all = [...this.#stored.values()].map(({ archived }) => archived);
    return all
      .filter(({ name }) => name.startsWith(prefix))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  async drop(name: string): Promise<void> {
    checkName(name);
    await this.#answer({ method: "drop", name });
    this.#stored.delete(name);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What is stored by this name is not what was put there any more. */
  damage(name: string): void {
    const stored = this.#stored.get(name);
    if (stored === undefined) throw new RangeError(`There is nothing called ${name}.`);
    stored.isDamaged = true;
  }

  async *#read({ archived, chunks, isDamaged }: Stored): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      await this.#answer({ method: "get", name: archived.name });
      yield Uint8Array.from(chunk);
    }
    if (isDamaged) throw new ArchiveDamaged(`${archived.name} does not hold what was put there`);
  }

  async #answer(call: ArchiveCall): Promise<void> {
    await new Promise<void>((resolve) => {
      if (this.latencyMs > 0) this.#clock.after(this.latencyMs, resolve);
      else this.#clock.soon(resolve);
    });
    const error = this.fault?.(call) ?? null;
    if (error !== null) throw error;
  }

  #bytesBeside(name: string): number {
    let bytes = 0;
    for (const { archived } of this.#stored.values()) if (archived.name !== name) bytes += archived.bytes;
    return bytes;
  }
}
