// What an environment says of itself: how far it is, and in the main one what the last checkpoint says of the shard.
import { randomBytes } from "node:crypto";
import { type Position, position, term } from "@millrace/model/ids.ts";
import type { CheckpointMeta } from "../store.ts";
import { unseal } from "./envelope.ts";
import type { Bytes, MainEnvironment } from "./environment.ts";

export const SLICE_FACT = Buffer.from("slice");
export const AHEAD_FACT = Buffer.from("ahead");
export const META_FACT = Buffer.from("meta");
/** Names this very sequence of slices: a store that was copied goes on under a name of its own. */
const LINEAGE_FACT = Buffer.from("lineage");
const META_BYTES = 4 * 8;

/** The number of the last slice an environment holds; 0 = none. */
export function sliceNumberOf(facts: Bytes): number {
  return facts.get(SLICE_FACT)?.readUIntBE(0, 6) ?? 0;
}

/** The newest record of any run, if it is newer than the last completed checkpoint; else 0. */
export function aheadOf(facts: Bytes): Position {
  return position(facts.get(AHEAD_FACT)?.readUIntBE(0, 6) ?? 0);
}

/** The name of the main environment's sequence of slices; given to it if it has none. */
export function lineageOf(main: MainEnvironment): string {
  return main.facts.get(LINEAGE_FACT)?.toString() ?? renewLineage(main);
}

/** Says that from here on slices are not those of the store this one was copied from. */
export function renewLineage(main: MainEnvironment): string {
  const lineage = randomBytes(8).toString("hex");
  main.facts.putSync(LINEAGE_FACT, Buffer.from(lineage));
  return lineage;
}

/** What the last completed checkpoint says; null = there is none. Throws StoreDamaged. */
export function metaOf(main: MainEnvironment): CheckpointMeta | null {
  const value = main.facts.get(META_FACT);
  if (value === undefined) return null;
  const bytes = unseal(value, main.path, () => "the checkpoint's meta");
  return {
    position: position(bytes.readDoubleBE(0)),
    chain: bytes.readDoubleBE(8),
    term: term(bytes.readDoubleBE(16)),
    timeMs: bytes.readDoubleBE(24),
  };
}

/** The meta's bytes, not yet sealed. */
export function encodeMeta(meta: CheckpointMeta): Buffer {
  const bytes = Buffer.allocUnsafe(META_BYTES);
  bytes.writeDoubleBE(meta.position, 0);
  bytes.writeDoubleBE(meta.chain, 8);
  bytes.writeDoubleBE(meta.term, 16);
  bytes.writeDoubleBE(meta.timeMs, 24);
  return bytes;
}
