// Small rows as the event loop reads them.
import { position } from "@millrace/model/ids.ts";
import type { StoredRow } from "../store.ts";
import { unseal } from "./envelope.ts";
import type { MainEnvironment } from "./environment.ts";

const POSITION_BYTES = 6;

/** Which rows to read. */
interface RowRange {
  readonly prefix: string;
  readonly after: string | null;
  readonly limit: number;
}

/** undefined = there is no such row. Throws StoreDamaged. */
export function rowAt(main: MainEnvironment, key: string): StoredRow | undefined {
  const value = main.rows.get(Buffer.from(key, "latin1"));
  return value === undefined ? undefined : opened(main, key, value);
}

export function rowsFrom(main: MainEnvironment, { prefix, after, limit }: RowRange): StoredRow[] {
  const start = Buffer.from(after ?? prefix, "latin1");
  const found: StoredRow[] = [];
  for (const { key, value } of main.rows.getRange({ start, exclusiveStart: after !== null, limit })) {
    const text = key.toString("latin1");
    if (!text.startsWith(prefix)) break;
    found.push(opened(main, text, value));
  }
  return found;
}

function opened(main: MainEnvironment, key: string, value: Buffer): StoredRow {
  const body = unseal(value, main.path, () => `the row ${key}`);
  return { key, position: position(body.readUIntBE(0, POSITION_BYTES)), bytes: body.subarray(POSITION_BYTES) };
}
