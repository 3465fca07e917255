// Idempotency keys: which start they made. Those since the last checkpoint are here, older ones in the store.
import type { Position, TenantId } from "@millrace/model/ids.ts";
import type { KeyRow, Store } from "@millrace/store/store.ts";

/** A key and the position of the record that holds its start. */
interface RecentKey {
  readonly row: KeyRow;
  readonly position: Position;
}

export class Keys {
  readonly #recent = new Map<string, RecentKey>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(tenant: TenantId, key: string): KeyRow | undefined {
    return this.#recent.get(nameOf(tenant, key))?.row ?? this.#store.key(tenant, key);
  }

  add(row: KeyRow, position: Position): void {
    this.#recent.set(nameOf(row.tenant, row.key), { row, position });
  }

  /** Those a checkpoint of everything up to `target` has to write. */
  upTo(target: Position): KeyRow[] {
    const rows: KeyRow[] = [];
    for (const { row, position } of this.#recent.values()) if (position <= target) rows.push(row);
    return rows;
  }

  /** Drops keys that are in the store now. */
  forget(rows: readonly KeyRow[]): void {
    for (const row of rows) this.#recent.delete(nameOf(row.tenant, row.key));
  }
}

function nameOf(tenant: TenantId, key: string): string {
  return `${tenant}/${key}`;
}
