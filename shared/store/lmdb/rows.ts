// Rows of the shard's own as the event loop reads them.
import { position } from "@millrace/model/ids.ts";
import type { StoredRow } from "../store.ts";
import { unseal } from "./envelope.ts";
import type { MainEnvironment } from "./environment.ts";

const POSITION_BYTES = 6;

/** undefined = there is no such row. Throws StoreDamaged. */
export function rowAt(main: MainEnvironment, key: string): StoredRow | undefined {
  const value = main.rows.get(Buffer.from(key, "latin1"));
  return value === undefined ? undefined : opened(main, key, value);
}

/** Throws StoreDamaged. */
export function visitRows(main: MainEnvironment, prefix: string, visit: (row: StoredRow) => void): void {
  for (const { key, value } of main.rows.getRange({ start: Buffer.from(prefix, "latin1") })) {
    const text = key.toString("latin1");
    if (!text.startsWith(prefix)) return;
    visit(opened(main, text, value));
  }
}

function opened(main: MainEnvironment, key: string, value: Buffer): StoredRow {
  const body = unseal(value, main.path, () => `the row ${key}`);
  return { key, position: position(body.readUIntBE(0, POSITION_BYTES)), bytes: body.subarray(POSITION_BYTES) };
}
