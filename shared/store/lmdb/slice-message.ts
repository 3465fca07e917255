// A slice on its way from the event loop to the store's own thread: every row written into one buffer that changes
// hands and comes back, so that the loop pays one copy of the bytes (under a microsecond a row) and the rest, sorting,
// packing, B-trees and syncs, happens elsewhere.
import { position, runId, type TenantId, tenantId, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import type { CheckpointMeta, EndedRow, KeyRow, LiveIndex, LiveRow, ReopenedRow, ShardRow, Slice } from "../store.ts";
import { endStatus, liveStatus, STATUS_CODE } from "./binary-key.ts";

export interface SliceMessage {
  readonly buffer: ArrayBuffer;
  readonly live: number;
  readonly reopened: number;
  readonly ended: number;
  readonly keys: number;
  readonly rows: number;
  /** Tenants and workflows; rows name them by ordinal. */
  readonly names: readonly string[];
  readonly meta: CheckpointMeta | null;
}

const RUN_ID_CHARS = 20;
/** Room for the fixed part of any row. */
const ROW_BYTES = 80;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UTF8_BYTES_MAX = 3;
const NO_STATUS = 0;
/** Whether a row of the shard's own is written or removed. */
const NO_ROW = 0;
const ROW = 1;

/** Writes a slice; reuses `spare` when it is large enough. */
export function encodeSlice(slice: Slice, spare: ArrayBuffer | undefined): SliceMessage {
  const need = bytesOf(slice);
  const buffer = spare !== undefined && spare.byteLength >= need ? spare : new ArrayBuffer(need);
  const to = new SliceWriter(buffer);
  for (const row of slice.live) {
    to.owner(row);
    to.index(row.index);
    to.index(row.previous);
    to.float(row.position);
    to.bytes(row.bytes);
  }
  for (const row of slice.reopened) {
    to.owner(row);
    to.byte(STATUS_CODE[row.status]);
    to.float(row.endedMs);
  }
  for (const row of slice.ended) {
    to.owner(row);
    to.byte(STATUS_CODE[row.status]);
    to.float(row.endedMs);
    to.index(row.previous);
    to.float(row.position);
    to.bytes(row.bytes);
  }
  for (const row of slice.keys) {
    to.run(row.runId);
    to.word(to.ordinal(row.tenant));
    to.float(row.startedMs);
    to.text(row.key);
    to.text(row.inputHash);
  }
  for (const row of slice.rows) {
    to.text(row.key);
    to.float(row.position);
    to.byte(row.bytes === null ? NO_ROW : ROW);
    if (row.bytes !== null) to.bytes(row.bytes);
  }
  return {
    buffer,
    live: slice.live.length,
    reopened: slice.reopened.length,
    ended: slice.ended.length,
    keys: slice.keys.length,
    rows: slice.rows.length,
    names: to.names,
    meta: slice.meta,
  };
}

/** Reads a slice back. Bytes of rows are views into the message's buffer. */
export function decodeSlice(message: SliceMessage): Slice {
  const from = new SliceReader(message);
  const live = Array.from({ length: message.live }, (): LiveRow => {
    const owner = from.owner();
    const index = from.index();
    if (index === null) throw new Error("a live row came without a status");
    return { ...owner, index, previous: from.index(), position: position(from.float()), bytes: from.bytes() };
  });
  const reopened = Array.from({ length: message.reopened }, (): ReopenedRow => {
    return { ...from.owner(), status: endStatus(from.byte()), endedMs: from.float() };
  });
  const ended = Array.from({ length: message.ended }, (): EndedRow => {
    const owner = from.owner();
    const status = endStatus(from.byte());
    const endedMs = from.float();
    const previous = from.index();
    return { ...owner, status, endedMs, previous, position: position(from.float()), bytes: from.bytes() };
  });
  const keys = Array.from({ length: message.keys }, (): KeyRow => {
    const id = runId(from.latin(RUN_ID_CHARS));
    const tenant = tenantId(from.name());
    const startedMs = from.float();
    return { runId: id, tenant, startedMs, key: from.text(), inputHash: from.text() };
  });
  const rows = Array.from({ length: message.rows }, (): ShardRow => {
    const key = from.text();
    const at = position(from.float());
    return { key, position: at, bytes: from.byte() === NO_ROW ? null : from.bytes() };
  });
  return { live, reopened, ended, keys, rows, meta: message.meta };
}

function bytesOf(slice: Slice): number {
  const { live, reopened, ended, keys, rows } = slice;
  let bytes = ROW_BYTES * (live.length + reopened.length + ended.length + keys.length + rows.length);
  for (const row of rows) bytes += UTF8_BYTES_MAX * row.key.length + (row.bytes?.length ?? 0);
  for (const row of slice.live) bytes += row.bytes.length;
  for (const row of slice.ended) bytes += row.bytes.length;
  for (const row of slice.keys) bytes += UTF8_BYTES_MAX * (row.key.length + row.inputHash.length);
  return bytes;
}

interface Owner {
  readonly runId: LiveRow["runId"];
  readonly tenant: TenantId;
  readonly workflow: WorkflowName;
}

class SliceWriter {
  readonly names: string[] = [];
  readonly #ordinals = new Map<string, number>();
  readonly #to: Buffer;
  #at = 0;

  constructor(buffer: ArrayBuffer) {
    this.#to = Buffer.from(buffer);
  }

  owner(row: Owner): void {
    this.run(row.runId);
    this.word(this.ordinal(row.tenant));
    this.word(this.ordinal(row.workflow));
  }

  run(id: string): void {
    this.#at += this.#to.write(id, this.#at, RUN_ID_CHARS, "latin1");
  }

  index(index: LiveIndex | null): void {
    this.byte(index === null ? NO_STATUS : STATUS_CODE[index.status]);
    this.float(index === null ? 0 : index.dueMs);
  }

  ordinal(name: string): number {
    const known = this.#ordinals.get(name);
    if (known !== undefined) return known;
    this.#ordinals.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  byte(value: number): void {
    this.#to[this.#at++] = value;
  }

  word(value: number): void {
    this.#at = this.#to.writeUInt32LE(value, this.#at);
  }

  float(value: number): void {
    this.#at = this.#to.writeDoubleLE(value, this.#at);
  }

  bytes(value: Uint8Array): void {
    this.word(value.length);
    this.#to.set(value, this.#at);
    this.#at += value.length;
  }

  text(value: string): void {
    const bytes = this.#to.write(value, this.#at + 4);
    this.word(bytes);
    this.#at += bytes;
  }
}

class SliceReader {
  readonly #names: readonly string[];
  readonly #from: Buffer;
  #at = 0;

  constructor(message: SliceMessage) {
    this.#names = message.names;
    this.#from = Buffer.from(message.buffer);
  }

  owner(): Owner {
    const id = runId(this.latin(RUN_ID_CHARS));
    const tenant = tenantId(this.name());
    return { runId: id, tenant, workflow: workflowName(this.name()) };
  }

  index(): LiveIndex | null {
    const code = this.byte();
    const dueMs = this.float();
    return code === NO_STATUS ? null : { status: liveStatus(code), dueMs };
  }

  name(): string {
    const name = this.#names[this.word()];
    if (name === undefined) throw new Error("a row names something the slice does not");
    return name;
  }

  byte(): number {
    return this.#from.readUInt8(this.#at++);
  }

  word(): number {
    this.#at += 4;
    return this.#from.readUInt32LE(this.#at - 4);
  }

  float(): number {
    this.#at += 8;
    return this.#from.readDoubleLE(this.#at - 8);
  }

  bytes(): Uint8Array {
    const length = this.word();
    this.#at += length;
    return this.#from.subarray(this.#at - length, this.#at);
  }

  latin(chars: number): string {
    this.#at += chars;
    return this.#from.toString("latin1", this.#at - chars, this.#at);
  }

  text(): string {
    const bytes = this.word();
    this.#at += bytes;
    return this.#from.toString("utf8", this.#at - bytes, this.#at);
  }
}
