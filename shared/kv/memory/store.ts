// A common memory in memory, for tests and the simulation: the store between the handles of processes, and its trouble.
// Owns the entries and the order of writes; `handle.ts` is a process's connection.
import type { Clock } from "@millrace/clock/clock.ts";
import type { KvEntry, KvOutcome } from "../kv.ts";
import { MemoryKvHandle } from "./handle.ts";

/** What goes wrong with a write that the store would take: it never comes to be, or it does and the answer gets lost. */
export type MemoryKvFault = "lost" | "unanswered";

/** A write on its way. */
export interface MemoryKvWrite {
  /** The name of the handle. */
  readonly by: string;
  readonly key: string;
  /** null = delete. */
  readonly value: Uint8Array | null;
  readonly expected: number;
}

/** A connection as the store sees it. */
export interface Watcher {
  tell(entry: KvEntry): void;
}

export class MemoryKv {
  /** How long a request and its answer are on their way, ms each; 0 = a turn of the event loop. */
  latencyMs = 0;
  /** How much longer news takes to watchers, ms. */
  watchDelayMs = 0;
  /** How long a handle waits for an answer, ms. */
  answerMs = 2_000;
  /** How long a cut stalls before both sides give the connection up and what is under way is lost, ms. */
  noticeMs = 3_000;
  /** Says what goes wrong with a write; null = nothing. */
  fault: ((write: MemoryKvWrite) => MemoryKvFault | null) | null = null;
  /** Says which reads are answered with what the key was before its newest change; null = none. */
  isReadStale: ((key: string, by: string) => boolean) | null = null;
  readonly #clock: Clock;
  readonly #entries = new Map<string, KvEntry>();
  readonly #previous = new Map<string, KvEntry>();
  readonly #watchers = new Set<Watcher>();
  #revision = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection of a process, with its own clock if it has one: callbacks come by that, so that they end with the process. */
  connect(name: string, clock: Clock = this.#clock): MemoryKvHandle {
    return new MemoryKvHandle({ store: this, name, clock, network: this.#clock });
  }

  /** What is stored now, deletions too, for tests and checkers. */
  entries(): readonly KvEntry[] {
    return [...this.#entries.values()];
  }

  /** For `handle.ts`: from now on it is told of changes. */
  join(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** For `handle.ts`: a read has reached the store. */
  read(key: string, by: string): KvEntry | undefined {
    const isStale = this.isReadStale?.(key, by) === true;
    const entry = isStale ? this.#previous.get(key) : this.#entries.get(key);
    return entry === undefined || entry.value === null ? undefined : entry;
  }

  /** For `handle.ts`: a write has reached the store. null = nobody answers. */
  write(write: MemoryKvWrite): KvOutcome | null {
    const { key, value, expected } = write;
    const entry = this.#entries.get(key);
    const isExpected = expected === (entry?.revision ?? 0) || (expected === 0 && entry?.value === null);
    if (!isExpected) return { type: "stale" };
    const fault = this.fault?.(write) ?? null;
    if (fault === "lost") return null;
    this.#revision += 1;
    const next = { key, value: value === null ? null : Uint8Array.from(value), revision: this.#revision };
    if (entry !== undefined) this.#previous.set(key, entry);
    this.#entries.set(key, next);
    for (const watcher of this.#watchers) watcher.tell(next);
    return fault === "unanswered" ? null : { type: "put", revision: next.revision };
  }
}
