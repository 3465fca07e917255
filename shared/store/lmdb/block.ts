// A block: ended runs of one slice and day, sorted by run ID, sealed together. Runs of one workflow differ little, so
// zstd takes a block of standard runs to a fifth or less, at some 2 µs of the store's thread a run; each run alone would
// keep half its size. It says everything the indexes say, so that a slice can be redone from its blocks.
//
//   count (4) · names (4 + JSON) · count × [run (13) · status (1) · tenant (2) · workflow (2) · position (6) · end (4)] · bodies
import {
  type Position,
  position,
  type RunId,
  type TenantId,
  tenantId,
  type WorkflowName,
  workflowName,
} from "@millrace/model/ids.ts";
import { packRun, RUN_KEY_BYTES, unpackRun } from "./binary-key.ts";

/** Bodies gathered into one block; reading a run back costs unpacking all of it, some 60 µs. */
export const BLOCK_BYTES = 64 * 1024;
/** Bound of the two-byte ordinals. */
export const BLOCK_ROWS_MAX = 1024;

/** An ended run as blocks hold it. */
export interface BlockRow {
  readonly runId: RunId;
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
  readonly statusCode: number;
  readonly position: Position;
  readonly bytes: Uint8Array;
}

const ROW_BYTES = RUN_KEY_BYTES + 1 + 2 + 2 + 6 + 4;

/** Cuts rows, sorted by run ID, into blocks. */
export function* blocksOf(rows: readonly BlockRow[]): Generator<readonly BlockRow[]> {
  let from = 0;
  let bytes = 0;
  for (let i = 0; i < rows.length; i++) {
    bytes += rows[i]?.bytes.length ?? 0;
    if (bytes >= BLOCK_BYTES || i + 1 - from >= BLOCK_ROWS_MAX || i + 1 === rows.length) {
      yield rows.slice(from, i + 1);
      from = i + 1;
      bytes = 0;
    }
  }
}

/** Writes a block, not yet sealed. */
export function encodeBlock(rows: readonly BlockRow[]): Buffer {
  const ordinals = new Map<string, number>();
  const ordinalOf = (name: string): number => {
    const known = ordinals.get(name);
    if (known !== undefined) return known;
    ordinals.set(name, ordinals.size);
    return ordinals.size - 1;
  };
  let bodyBytes = 0;
  for (const row of rows) {
    ordinalOf(row.tenant);
    ordinalOf(row.workflow);
    bodyBytes += row.bytes.length;
  }
  const names = Buffer.from(JSON.stringify([...ordinals.keys()]));
  const block = Buffer.allocUnsafe(8 + names.length + rows.length * ROW_BYTES + bodyBytes);
  block.writeUInt32BE(rows.length, 0);
  block.writeUInt32BE(names.length, 4);
  names.copy(block, 8);
  let at = 8 + names.length;
  let body = at + rows.length * ROW_BYTES;
  const bodies = body;
  for (const row of rows) {
    block.set(row.bytes, body);
    body += row.bytes.length;
    packRun(row.runId, block, at);
    at = block.writeUInt8(row.statusCode, at + RUN_KEY_BYTES);
    at = block.writeUInt16BE(ordinalOf(row.tenant), at);
    at = block.writeUInt16BE(ordinalOf(row.workflow), at);
    at = block.writeUIntBE(row.position, at, 6);
    at = block.writeUInt32BE(body - bodies, at);
  }
  return block;
}

/** Reads all rows of a block; their bytes are views into it. */
export function decodeBlock(block: Buffer): BlockRow[] {
  const { count, directory, bodies } = layoutOf(block);
  const names: unknown = JSON.parse(block.toString("utf8", 8, directory));
  const nameAt = (ordinal: number): string => {
    const name: unknown = Array.isArray(names) ? names[ordinal] : undefined;
    if (typeof name !== "string") throw new Error(`a block has no name ${ordinal}`);
    return name;
  };
  const rows: BlockRow[] = [];
  let from = bodies;
  for (let i = 0; i < count; i++) {
    const at = directory + i * ROW_BYTES;
    const to = bodies + block.readUInt32BE(at + ROW_BYTES - 4);
    rows.push({
      runId: unpackRun(block, at),
      tenant: tenantId(nameAt(block.readUInt16BE(at + RUN_KEY_BYTES + 1))),
      workflow: workflowName(nameAt(block.readUInt16BE(at + RUN_KEY_BYTES + 3))),
      statusCode: block.readUInt8(at + RUN_KEY_BYTES),
      position: position(block.readUIntBE(at + RUN_KEY_BYTES + 5, 6)),
      bytes: block.subarray(from, to),
    });
    from = to;
  }
  return rows;
}

/** Reads one row's position and bytes (a copy); undefined when the block has no such row. */
export function rowOfBlock(block: Buffer, ordinal: number): { position: Position; bytes: Buffer } | undefined {
  const { count, directory, bodies } = layoutOf(block);
  if (ordinal >= count) return undefined;
  const at = directory + ordinal * ROW_BYTES;
  const from = ordinal === 0 ? 0 : block.readUInt32BE(at - 4);
  return {
    position: position(block.readUIntBE(at + RUN_KEY_BYTES + 5, 6)),
    bytes: Buffer.from(block.subarray(bodies + from, bodies + block.readUInt32BE(at + ROW_BYTES - 4))),
  };
}

function layoutOf(block: Buffer): { count: number; directory: number; bodies: number } {
  const count = block.readUInt32BE(0);
  const directory = 8 + block.readUInt32BE(4);
  return { count, directory, bodies: directory + count * ROW_BYTES };
}
