// Puts a slice into the environments: main first, then what its redo says of the others. Runs on the store's own thread
// and, after a crash, while opening.
import { aheadAfter, type LiveIndex, type Slice } from "../store.ts";
import {
  LIST_KEY_BYTES,
  packListPrefix,
  packRun,
  packTimer,
  RUN_KEY_BYTES,
  STATUS_CODE,
  TIMER_KEY_BYTES,
} from "./binary-key.ts";
import { seal } from "./envelope.ts";
import type { Bytes, Environment, HistoryEnvironment, KeyEnvironment, MainEnvironment } from "./environment.ts";
import { AHEAD_FACT, aheadOf, encodeMeta, META_FACT, SLICE_FACT, sliceNumberOf } from "./facts.ts";
import { encodeRedo, type HistoryPart, type KeysPart, type Redo } from "./redo.ts";
import { type Scopes, tenantScope, workflowScope } from "./scopes.ts";

const NOTHING = Buffer.alloc(0);
const POSITION_BYTES = 6;

// One scratch key of each size: LMDB copies a key before the call returns.
const runKey = Buffer.alloc(RUN_KEY_BYTES);
const listKey = Buffer.alloc(LIST_KEY_BYTES);
const timerKey = Buffer.alloc(TIMER_KEY_BYTES);
const ordinalKey = Buffer.alloc(4);
const rowPlace = Buffer.alloc(6);

/** Writes a slice and its redo into the main environment: from here on it happened. Throws what LMDB throws; then it did not. */
export function applyToMain(main: MainEnvironment, scopes: Scopes, slice: Slice, redo: Redo): number {
  return undoable(main, scopes, () => {
    for (const row of slice.live) {
      packRun(row.runId, runKey, 0);
      main.live.putSync(runKey, seal(stateOf(row.position, row.bytes)));
      moveLists(main, scopes, row, row.index);
      moveTimer(main, row, row.index);
    }
    for (const row of slice.ended) {
      if (row.previous === null) continue;
      packRun(row.runId, runKey, 0);
      main.live.removeSync(runKey);
      moveLists(main, scopes, row, null);
      moveTimer(main, row, null);
    }
    for (const { key, position, bytes } of slice.rows) {
      if (bytes === null) main.rows.removeSync(Buffer.from(key, "latin1"));
      else main.rows.putSync(Buffer.from(key, "latin1"), seal(stateOf(position, bytes)));
    }
    replaceRedo(main.redo, redo);
    return putFacts(main.facts, slice);
  });
}

/** Applies a slice's part to a day of history that has not got it yet. */
export function applyToHistory(history: HistoryEnvironment, scopes: Scopes, part: HistoryPart, slice: number): void {
  undoable(history, scopes, () => {
    for (const row of part.removed) {
      packRun(row.runId, runKey, 0);
      history.runs.removeSync(runKey);
      packRun(row.runId, listKey, 5);
      packListPrefix(scopes.number(tenantScope(row.tenant)), row.statusCode, listKey);
      history.lists.removeSync(listKey);
      packListPrefix(scopes.number(workflowScope(row.tenant, row.workflow)), row.statusCode, listKey);
      history.lists.removeSync(listKey);
    }
    let block = lastOrdinal(history.blocks);
    for (const { rows, sealed } of part.blocks) {
      block++;
      ordinalKey.writeUInt32BE(block);
      history.blocks.putSync(ordinalKey, sealed);
      rowPlace.writeUInt32BE(block);
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i];
        if (row === undefined) continue;
        packRun(row.runId, runKey, 0);
        rowPlace.writeUInt16BE(i, 4);
        history.runs.putSync(runKey, rowPlace);
        runKey.copy(listKey, 5);
        packListPrefix(scopes.number(tenantScope(row.tenant)), row.statusCode, listKey);
        history.lists.putSync(listKey, NOTHING);
        packListPrefix(scopes.number(workflowScope(row.tenant, row.workflow)), row.statusCode, listKey);
        history.lists.putSync(listKey, NOTHING);
      }
    }
    history.facts.putSync(SLICE_FACT, numberBytes(slice));
  });
}

/** Applies a slice's part to a day of keys that has not got it yet. */
export function applyToKeys(keys: KeyEnvironment, part: KeysPart, slice: number): void {
  keys.root.transactionSync(() => {
    for (const { hash, value } of part.entries) keys.keys.putSync(hash, value);
    keys.facts.putSync(SLICE_FACT, numberBytes(slice));
  });
}

interface MovedRow {
  readonly runId: Slice["live"][number]["runId"];
  readonly tenant: Slice["live"][number]["tenant"];
  readonly workflow: Slice["live"][number]["workflow"];
  readonly previous: LiveIndex | null;
}

function moveLists(main: MainEnvironment, scopes: Scopes, row: MovedRow, index: LiveIndex | null): void {
  const before = row.previous === null ? 0 : STATUS_CODE[row.previous.status];
  const after = index === null ? 0 : STATUS_CODE[index.status];
  if (before === after) return;
  packRun(row.runId, listKey, 5);
  for (const scope of [
    scopes.number(tenantScope(row.tenant)),
    scopes.number(workflowScope(row.tenant, row.workflow)),
  ]) {
    if (before !== 0) {
      packListPrefix(scope, before, listKey);
      main.lists.removeSync(listKey);
    }
    if (after !== 0) {
      packListPrefix(scope, after, listKey);
      main.lists.putSync(listKey, NOTHING);
    }
  }
}

function moveTimer(main: MainEnvironment, row: MovedRow, index: LiveIndex | null): void {
  const before = row.previous?.dueMs ?? 0;
  const after = index?.dueMs ?? 0;
  if (before === after) return;
  if (before !== 0) {
    packTimer(before, row.runId, timerKey);
    main.timers.removeSync(timerKey);
  }
  if (after !== 0) {
    packTimer(after, row.runId, timerKey);
    main.timers.putSync(timerKey, Buffer.from(row.tenant));
  }
}

function replaceRedo(db: Bytes, redo: Redo): void {
  const stale = lastOrdinal(db);
  let ordinal = 0;
  for (const part of encodeRedo(redo)) {
    ordinalKey.writeUInt32BE(++ordinal);
    db.putSync(ordinalKey, part);
  }
  while (ordinal < stale) {
    ordinalKey.writeUInt32BE(++ordinal);
    db.removeSync(ordinalKey);
  }
}

function putFacts(facts: Bytes, slice: Slice): number {
  const number = sliceNumberOf(facts) + 1;
  facts.putSync(SLICE_FACT, numberBytes(number));
  facts.putSync(AHEAD_FACT, numberBytes(aheadAfter(slice, aheadOf(facts))));
  if (slice.meta !== null) facts.putSync(META_FACT, seal(encodeMeta(slice.meta)));
  return number;
}

function undoable<Value>(environment: Environment, scopes: Scopes, action: () => Value): Value {
  try {
    return environment.root.transactionSync(action);
  } catch (error) {
    scopes.forget();
    throw error;
  }
}

function stateOf(position: number, bytes: Uint8Array): Buffer {
  const state = Buffer.allocUnsafe(POSITION_BYTES + bytes.length);
  state.writeUIntBE(position, 0, POSITION_BYTES);
  state.set(bytes, POSITION_BYTES);
  return state;
}

function lastOrdinal(db: Bytes): number {
  for (const key of db.getKeys({ start: Buffer.of(255, 255, 255, 255), end: Buffer.of(0), reverse: true, limit: 1 })) {
    return key.readUInt32BE(0);
  }
  return 0;
}

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(value, 0, 6);
  return bytes;
}
