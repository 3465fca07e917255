// Idempotency keys as the event loop reads them: newest day first, because a repeated key mostly repeats soon.
import type { TenantId } from "@millrace/model/ids.ts";
import type { KeyRow } from "../store.ts";
import { RUN_KEY_BYTES, unpackRun } from "./binary-key.ts";
import { unseal } from "./envelope.ts";
import { type KeyEnvironment, openKeys } from "./environment.ts";
import { hashOfKey } from "./key-hash.ts";
import { OpenDays } from "./open-days.ts";

/** Days open for reading at once: keys are kept for 7 days and the rest of today's. */
const DAYS_OPEN_MAX = 10;

export class KeyDays {
  readonly #days: OpenDays<KeyEnvironment>;
  readonly #periods: Set<number>;

  constructor(folder: string, periods: Iterable<number>) {
    this.#periods = new Set(periods);
    this.#days = new OpenDays(DAYS_OPEN_MAX, (period) => openKeys(folder, period));
  }

  /** A slice wrote to this day: from now on it is read as it is. */
  changed(period: number): void {
    this.#periods.add(period);
    this.#days.get(period).root.resetReadTxn();
  }

  periods(): number[] {
    return [...this.#periods];
  }

  /** The run a key started; undefined = no day holds the key. Throws StoreDamaged. */
  find(tenant: TenantId, key: string): KeyRow | undefined {
    const hash = hashOfKey(tenant, key);
    for (const period of this.periods().sort((a, b) => b - a)) {
      const day = this.#days.get(period);
      const value = day.keys.get(hash);
      if (value === undefined) continue;
      const body = unseal(value, day.path, () => `an idempotency key of tenant ${tenant}`);
      return {
        tenant,
        key,
        runId: unpackRun(body, 0),
        inputHash: body.toString("utf8", RUN_KEY_BYTES + 6),
        startedMs: body.readUIntBE(RUN_KEY_BYTES, 6),
      };
    }
    return undefined;
  }

  /** Lets go of a day for good. */
  async drop(period: number): Promise<void> {
    this.#periods.delete(period);
    await this.#days.close(period);
  }

  close(): Promise<void> {
    return this.#days.closeAll();
  }
}
