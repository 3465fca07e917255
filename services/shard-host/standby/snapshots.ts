// Snapshots of shards in the archive: copies of a store, from which an empty node boots, and healed, split and restored
// shards begin (DESIGN §6).
//
//   shards/3/snapshots/0000000000004711-1767225600000    what the snapshot is made of, JSON
//   shards/3/parts/main_mdb/8f3a…-12                      its parts: packed, shared by snapshots as long as they do not change
//
// 1. A snapshot appears only when all its parts are stored.
// 2. A part goes when no snapshot names it any more; the newest {@link SNAPSHOTS_KEPT} snapshots stay.
import type { Archive } from "@millrace/archive/archive.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { Position, ShardId } from "@millrace/model/ids.ts";
import { type ArrivingPart, type PartName, partKey, type Store, type StorePart } from "@millrace/store/store.ts";
import { packed, unpacked } from "./packing.ts";

/** One to boot from, and the one before for whoever is just reading it. */
const SNAPSHOTS_KEPT = 2;

/** The format of what is written about a snapshot. */
const FORMAT = 1;

/** Where a shard's journal was when its store was copied. */
export interface SnapshotPlace {
  readonly shard: ShardId;
  /** Of the journal that the snapshot belongs to. */
  readonly generation: number;
}

export interface Snapshot extends SnapshotPlace {
  /** Its own name in the archive. */
  readonly name: string;
  /** Everything up to here is in it. */
  readonly position: Position;
  /** Chain of the record at `position`. */
  readonly chain: number;
  readonly madeMs: number;
  readonly parts: readonly PartName[];
  /** Of all its parts, as they are stored. */
  readonly bytes: number;
}

/** Copies a store into the archive; null = it has no completed checkpoint yet. Forgets what is not needed any more. */
export async function takeSnapshot(
  archive: Archive,
  clock: Clock,
  store: Pick<Store, "copy">,
  place: SnapshotPlace,
): Promise<Snapshot | null> {
  const stored = new Map((await archive.list(partsPrefix(place.shard))).map(({ name, bytes }) => [name, bytes]));
  const known = await snapshotsOf(archive, place.shard);
  // Only what a snapshot names is whole for sure: anything else may just be on its way out.
  const named = new Map(
    known.flatMap(({ parts }) => parts.map((part) => [nameOfPart(place.shard, part), partKey(part)])),
  );
  const kept = new Set([...named].filter(([key]) => stored.has(key)).map(([, key]) => key));
  const copy = await store.copy(kept);
  if (copy === null) return null;
  try {
    let bytes = 0;
    for (const part of copy.parts) bytes += await storedPart(archive, place.shard, part, stored);
    const { position: at, chain } = copy.meta;
    const madeMs = clock.nowMs();
    const name = `${snapshotsPrefix(place.shard)}${String(at).padStart(16, "0")}-${madeMs}`;
    const parts = copy.parts.map(({ name: part, tag }) => ({ name: part, tag }));
    const snapshot: Snapshot = { ...place, name, position: at, chain, madeMs, parts, bytes };
    await archive.put(name, oneChunk(Buffer.from(JSON.stringify({ format: FORMAT, ...snapshot }))));
    await forgetOld(archive, place.shard);
    return snapshot;
  } finally {
    await copy.discard();
  }
}

/** A shard's newest snapshot; null = there is none. */
export async function newestSnapshot(archive: Archive, shard: ShardId): Promise<Snapshot | null> {
  return (await snapshotsOf(archive, shard)).at(-1) ?? null;
}

/** A snapshot's parts, to open a store on. Rejects with {@link ArchiveDamaged} when one is not what was stored. */
export async function* partsOfSnapshot(archive: Archive, snapshot: Snapshot): AsyncGenerator<ArrivingPart> {
  for (const part of snapshot.parts) {
    const chunks = await archive.get(nameOfPart(snapshot.shard, part));
    if (chunks === undefined) throw new Error(`Snapshot ${snapshot.name} lacks its part ${partKey(part)}.`);
    yield { name: part.name, chunks: unpacked(chunks) };
  }
}

async function storedPart(
  archive: Archive,
  shard: ShardId,
  part: StorePart,
  stored: ReadonlyMap<string, number>,
): Promise<number> {
  const name = nameOfPart(shard, part);
  return part.chunks === null ? (stored.get(name) ?? 0) : (await archive.put(name, packed(part.chunks()))).bytes;
}

/** All whole snapshots of a shard, oldest first: those of an older generation come first, wherever their journal ended. */
async function snapshotsOf(archive: Archive, shard: ShardId): Promise<Snapshot[]> {
  const snapshots: Snapshot[] = [];
  for (const { name } of await archive.list(snapshotsPrefix(shard))) {
    const chunks = await archive.get(name);
    const snapshot = chunks === undefined ? undefined : snapshotIn(await textOf(chunks));
    if (snapshot !== undefined) snapshots.push(snapshot);
  }
  // Within a generation they come by position, and by time.
  return snapshots.sort((left, right) => left.generation - right.generation);
}

/** Another process may be doing the same, so what is gone already is fine. */
async function forgetOld(archive: Archive, shard: ShardId): Promise<void> {
  const snapshots = await snapshotsOf(archive, shard);
  const old = snapshots.slice(0, Math.max(0, snapshots.length - SNAPSHOTS_KEPT));
  if (old.length === 0) return;
  for (const { name } of old) await archive.drop(name);
  const kept = snapshots.slice(-SNAPSHOTS_KEPT);
  const needed = new Set(kept.flatMap(({ parts }) => parts.map((part) => nameOfPart(shard, part))));
  for (const { parts } of old)
    for (const part of parts) {
      const name = nameOfPart(shard, part);
      if (!needed.has(name)) await archive.drop(name);
    }
}

function snapshotIn(text: string): Snapshot | undefined {
  const value: unknown = JSON.parse(text);
  return isSnapshot(value) ? value : undefined;
}

/** Tells our own words, whose bytes the archive has checked, from those of a release with another format. */
function isSnapshot(value: unknown): value is Snapshot {
  if (typeof value !== "object" || value === null || !("format" in value)) return false;
  return value.format === FORMAT && "position" in value && "parts" in value;
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const bytes: Uint8Array[] = [];
  for await (const chunk of chunks) bytes.push(chunk);
  return Buffer.concat(bytes).toString();
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

function snapshotsPrefix(shard: ShardId): string {
  return `shards/${shard}/snapshots/`;
}

function partsPrefix(shard: ShardId): string {
  return `shards/${shard}/parts/`;
}

/** Names in the archive know no dots. */
function nameOfPart(shard: ShardId, { name, tag }: PartName): string {
  return `${partsPrefix(shard)}${name.replaceAll(".", "_")}/${tag}`;
}
