// Decides when a shard's store is copied into the archive: by time and by bytes of journal, mostly by its standby, and by
// its owner where that is late or missing. Whoever took one says so in the common memory, so that the owner may cut its
// journal off behind it.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import type { KvEntry } from "@millrace/kv/kv.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import type { StoreCopy } from "@millrace/store/store.ts";
import { type Snapshot, takeSnapshot } from "../standby/snapshots.ts";
import type { HostParts } from "./host-parts.ts";
import type { ShardPlace } from "./shard-place.ts";

/** Between looks. */
const LOOK_MS = 10_000;
/** A snapshot is made at the latest after this long, if anything has changed … */
const EVERY_MS = 5 * 60_000;
/** … or this much journal: what an empty node has to read, and what streams have to hold. */
const JOURNAL_BYTES = 256 * 1024 * 1024;

export type SnapshotParts = Pick<HostParts, "clock" | "archive" | "kv" | "observer">;

export interface SnapshotTerms {
  readonly place: ShardPlace;
  /** Bytes of journal folded so far, or held: only growth counts. */
  readonly bytes: () => number;
  /** How many times longer than usual it waits: others are to do it first. */
  readonly patience: number;
  /** There is a snapshot at this position, of whoever: what led to it is not needed any more. */
  readonly taken: (at: Position) => Promise<void> | void;
}

export class Snapshooter {
  readonly #parts: SnapshotParts;
  readonly #terms: SnapshotTerms;
  #timer: CancelTimer;
  /** Of the newest snapshot of this generation that is known of; 0 = none is. */
  #newestAt: Position = position(0);
  #sinceMs: number;
  #sinceBytes: number;
  #taking: Promise<Position> | null = null;
  #isEnded = false;

  constructor(parts: SnapshotParts, terms: SnapshotTerms) {
    this.#parts = parts;
    this.#terms = terms;
    this.#sinceMs = parts.clock.monotonicMs();
    this.#sinceBytes = terms.bytes();
    this.#timer = parts.clock.after(LOOK_MS, () => this.#look());
  }

  /** Takes one now, or waits for the one under way. */
  now(): Promise<Position> {
    this.#taking ??= this.#take().finally(() => {
      this.#taking = null;
    });
    return this.#taking;
  }

  /** Takes no more; one under way is given up, and the place is free of it soon. */
  end(): void {
    this.#isEnded = true;
    this.#timer();
  }

  #look(): void {
    const round = async (): Promise<void> => {
      await this.#hear();
      if (this.#isDue()) await this.now();
    };
    round()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        if (!this.#isEnded) this.#timer = this.#parts.clock.after(LOOK_MS, () => this.#look());
      });
  }

  #isDue(): boolean {
    const { place, bytes, patience } = this.#terms;
    if (this.#isEnded) return false;
    // What is held shrinks when the journal is cut off.
    this.#sinceBytes = Math.min(this.#sinceBytes, bytes());
    if ((place.store.meta()?.position ?? 0) <= this.#newestAt) return false;
    if (this.#newestAt === 0 && patience === 1) return true;
    const forMs = this.#parts.clock.monotonicMs() - this.#sinceMs;
    return forMs >= EVERY_MS * patience || bytes() - this.#sinceBytes >= JOURNAL_BYTES * patience;
  }

  /** What others have taken. */
  async #hear(): Promise<void> {
    const { shard } = this.#terms.place;
    const said = saidBy(await this.#parts.kv.get(keyOf(shard.id)));
    if (said?.generation === shard.generation) await this.#known(position(said.position));
  }

  async #take(): Promise<Position> {
    this.#goesOn();
    const { archive, clock, observer } = this.#parts;
    const { place } = this.#terms;
    const { id, generation } = place.shard;
    const fromMs = clock.monotonicMs();
    const source = { copy: (known: ReadonlySet<string>) => this.#copy(known) };
    const snapshot = await place.inTurn(() => takeSnapshot(archive, clock, source, { shard: id, generation }));
    if (snapshot === null) throw new Error("The shard has written no checkpoint yet.");
    observer.snapshotTaken(id, snapshot.position, snapshot.bytes, clock.monotonicMs() - fromMs);
    await this.#known(snapshot.position);
    await this.#say(snapshot);
    return snapshot.position;
  }

  /** A copy of the store that breaks off at the end: whoever is to close the store does not wait for the archive. */
  async #copy(known: ReadonlySet<string>): Promise<StoreCopy | null> {
    this.#goesOn();
    const copy = await this.#terms.place.store.copy(known);
    const parts = copy?.parts.map((part) => {
      const { chunks } = part;
      return chunks === null ? part : { ...part, chunks: () => this.#whileGoingOn(chunks()) };
    });
    return copy === null || parts === undefined ? null : { ...copy, parts };
  }

  async *#whileGoingOn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.#goesOn();
      yield chunk;
    }
  }

  #goesOn(): void {
    if (this.#isEnded) throw new Error("The shard's role changed here: its snapshot was given up.");
  }

  async #known(at: Position): Promise<void> {
    if (this.#isEnded || at <= this.#newestAt) return;
    this.#newestAt = at;
    this.#sinceMs = this.#parts.clock.monotonicMs();
    this.#sinceBytes = this.#terms.bytes();
    await this.#terms.taken(at);
  }

  /** A newer word of somebody else stays. What could not be said is said with the next snapshot. */
  async #say({ shard, generation, position: at, madeMs }: Snapshot): Promise<void> {
    const { kv } = this.#parts;
    const key = keyOf(shard);
    const entry = await kv.get(key);
    const other = saidBy(entry);
    if (other !== null && (other.generation > generation || (other.generation === generation && other.position > at)))
      return;
    await kv.put(key, Buffer.from(JSON.stringify({ generation, position: at, madeMs })), entry?.revision ?? 0);
  }

  #failed(error: unknown): void {
    if (this.#isEnded) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.observer.snapshotFailed(this.#terms.place.shard.id, reason);
  }
}

function keyOf(shard: number): string {
  return `snapshot.${shard}`;
}

/** What is said of the newest snapshot; null = nothing that this version understands. */
function saidBy(entry: KvEntry | undefined): { readonly generation: number; readonly position: number } | null {
  if (entry === undefined || entry.value === null) return null;
  let said: unknown;
  try {
    said = JSON.parse(Buffer.from(entry.value).toString());
  } catch {
    return null;
  }
  if (typeof said !== "object" || said === null || !("generation" in said) || !("position" in said)) return null;
  const { generation, position: at } = said;
  return Number.isSafeInteger(generation) && Number.isSafeInteger(at)
    ? { generation: Number(generation), position: Number(at) }
    : null;
}
