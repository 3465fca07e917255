// What a slice does to environments other than the main one, as parts kept in the main environment's `redo` database.
//
// 1. The main environment's transaction holds the slice's rows, its number and the redo of everything else: it alone
//    decides whether the slice happened.
// 2. Then each other environment applies its parts in one transaction, with the slice's number.
// 3. After a crash between 1 and 2 opening finds an environment behind the main one's number and applies its parts.
//    An environment that already has the number is left alone. So a slice is all or nothing over all files.
// 4. The next slice replaces the redo. The price is writing packed blocks twice, some 200 bytes a run.
import { position } from "@millrace/model/ids.ts";
import type { KeyRow, Slice } from "../store.ts";
import { packRun, RUN_KEY_BYTES, STATUS_CODE } from "./binary-key.ts";
import { type BlockRow, blocksOf, decodeBlock, encodeBlock } from "./block.ts";
import { seal, unseal } from "./envelope.ts";
import { periodOf } from "./environment.ts";
import { hashOfKey } from "./key-hash.ts";

/** Part of a slice for one day of history. */
export interface HistoryPart {
  readonly period: number;
  /** Rows to take away, applied before the blocks. */
  readonly removed: BlockRow[];
  readonly blocks: SealedBlock[];
}

export interface SealedBlock {
  readonly rows: readonly BlockRow[];
  readonly sealed: Buffer;
}

/** Part of a slice for one day of keys. */
export interface KeysPart {
  readonly period: number;
  readonly entries: KeyEntry[];
}

export interface KeyEntry {
  readonly hash: Buffer;
  readonly value: Buffer;
}

export interface Redo {
  readonly history: ReadonlyMap<number, HistoryPart>;
  readonly keys: ReadonlyMap<number, KeysPart>;
}

const BLOCK = 1;
const REMOVED = 2;
const KEYS = 3;
const HEADER_BYTES = 5;
const NO_BYTES = new Uint8Array();

/** Sorts and packs what the slice does to other environments. */
export function redoOf(slice: Slice): Redo {
  const redo = new RedoBuilder();
  for (const row of slice.reopened) {
    const { runId, tenant, workflow } = row;
    const gone = {
      runId,
      tenant,
      workflow,
      statusCode: STATUS_CODE[row.status],
      position: position(0),
      bytes: NO_BYTES,
    };
    redo.historyOf(periodOf(row.endedMs)).removed.push(gone);
  }
  const rows = new Map<number, BlockRow[]>();
  for (const row of slice.ended) {
    const period = periodOf(row.endedMs);
    let list = rows.get(period);
    if (list === undefined) rows.set(period, (list = []));
    list.push({
      runId: row.runId,
      tenant: row.tenant,
      workflow: row.workflow,
      statusCode: STATUS_CODE[row.status],
      position: row.position,
      bytes: row.bytes,
    });
  }
  for (const [period, list] of rows) {
    list.sort((a, b) => (a.runId < b.runId ? -1 : 1));
    const { blocks } = redo.historyOf(period);
    for (const block of blocksOf(list)) blocks.push({ rows: block, sealed: seal(encodeBlock(block)) });
  }
  for (const row of slice.keys) redo.keysOf(periodOf(row.startedMs)).entries.push(keyEntry(row));
  return redo;
}

/** The redo as values of the `redo` database. */
export function* encodeRedo(redo: Redo): Generator<Buffer> {
  for (const { period, removed, blocks } of redo.history.values()) {
    for (const rows of blocksOf(removed)) yield part(REMOVED, period, seal(encodeBlock(rows)));
    for (const block of blocks) yield part(BLOCK, period, block.sealed);
  }
  for (const { period, entries } of redo.keys.values()) {
    const body = entries.flatMap(({ hash, value }) => [hash, Buffer.of(value.length >> 8, value.length & 255), value]);
    yield part(KEYS, period, seal(Buffer.concat(body)));
  }
}

/** The days that values of the `redo` database are about. */
export function daysOf(parts: readonly Buffer[]): { readonly history: Set<number>; readonly keys: Set<number> } {
  const days = { history: new Set<number>(), keys: new Set<number>() };
  for (const bytes of parts) (bytes[0] === KEYS ? days.keys : days.history).add(bytes.readUInt32BE(1));
  return days;
}

/** Reads values of the `redo` database back. Throws StoreDamaged. */
export function decodeRedo(parts: readonly Buffer[], file: string): Redo {
  const redo = new RedoBuilder();
  for (const bytes of parts) {
    const period = bytes.readUInt32BE(1);
    const sealed = bytes.subarray(HEADER_BYTES);
    const body = unseal(sealed, file, () => "the redo of the last slice");
    switch (bytes[0]) {
      case BLOCK:
        redo.historyOf(period).blocks.push({ rows: decodeBlock(body), sealed });
        break;
      case REMOVED:
        redo.historyOf(period).removed.push(...decodeBlock(body));
        break;
      case KEYS:
        redo.keysOf(period).entries.push(...entriesOf(body));
        break;
      default:
        throw new Error(`part ${bytes[0]} of the redo is of a kind this version does not know`);
    }
  }
  return redo;
}

class RedoBuilder implements Redo {
  readonly history = new Map<number, HistoryPart>();
  readonly keys = new Map<number, KeysPart>();

  historyOf(period: number): HistoryPart {
    let found = this.history.get(period);
    if (found === undefined) this.history.set(period, (found = { period, removed: [], blocks: [] }));
    return found;
  }

  keysOf(period: number): KeysPart {
    let found = this.keys.get(period);
    if (found === undefined) this.keys.set(period, (found = { period, entries: [] }));
    return found;
  }
}

function part(kind: number, period: number, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  bytes[0] = kind;
  bytes.writeUInt32BE(period, 1);
  body.copy(bytes, HEADER_BYTES);
  return bytes;
}

function keyEntry(row: KeyRow): KeyEntry {
  const body = Buffer.alloc(RUN_KEY_BYTES + 6 + Buffer.byteLength(row.inputHash));
  packRun(row.runId, body, 0);
  body.writeUIntBE(row.startedMs, RUN_KEY_BYTES, 6);
  body.write(row.inputHash, RUN_KEY_BYTES + 6);
  return { hash: hashOfKey(row.tenant, row.key), value: seal(body) };
}

function entriesOf(body: Buffer): KeyEntry[] {
  const entries: KeyEntry[] = [];
  for (let at = 0; at < body.length; ) {
    const from = at + 18;
    const to = from + body.readUInt16BE(at + 16);
    entries.push({ hash: body.subarray(at, at + 16), value: body.subarray(from, to) });
    at = to;
  }
  return entries;
}
