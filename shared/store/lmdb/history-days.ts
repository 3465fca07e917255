// Ended runs as the event loop reads them: the days there are, and what they say of a run or a list.
import type { RunId } from "@millrace/model/ids.ts";
import type { StoredRun } from "../store.ts";
import { packRun, RUN_KEY_BYTES, startOfRun } from "./binary-key.ts";
import { rowOfBlock } from "./block.ts";
import { unseal } from "./envelope.ts";
import { type HistoryEnvironment, openHistory, periodOf } from "./environment.ts";
import { OpenDays } from "./open-days.ts";
import { Scopes } from "./scopes.ts";

/** Days open for reading at once, whatever the retention: each has two file handles, of which a process may have 1,024. */
const DAYS_OPEN_MAX = 128;

/** Unpacked blocks kept for the next reads: a page of a list reads neighbours. At 64 KiB of run bodies each, some 2 MiB. */
const BLOCKS_KEPT_MAX = 32;

/** How far a run's start may lie behind its end by another machine's clock. */
const CLOCK_SKEW_MS = 60 * 60 * 1000;

export interface HistoryDay extends HistoryEnvironment {
  readonly period: number;
  readonly scopesOf: Scopes;
}

export class HistoryDays {
  readonly #days: OpenDays<HistoryDay>;
  readonly #periods: Set<number>;
  /** Unpacked blocks by day and ordinal, least recently used first. Blocks never change. */
  readonly #blocks = new Map<string, Buffer>();
  readonly #runKey = Buffer.alloc(RUN_KEY_BYTES);

  constructor(folder: string, periods: Iterable<number>) {
    this.#periods = new Set(periods);
    this.#days = new OpenDays(DAYS_OPEN_MAX, (period) => {
      const environment = openHistory(folder, period);
      return { ...environment, period, scopesOf: new Scopes(environment) };
    });
  }

  /** A slice wrote to this day: from now on it is read as it is. */
  changed(period: number): void {
    this.#periods.add(period);
    this.#days.get(period).root.resetReadTxn();
  }

  /** The days there are, oldest first. */
  periods(): number[] {
    return [...this.#periods].sort((a, b) => a - b);
  }

  day(period: number): HistoryDay {
    return this.#days.get(period);
  }

  /** An ended run; undefined = no day holds it. Throws StoreDamaged. */
  run(id: RunId): StoredRun | undefined {
    packRun(id, this.#runKey, 0);
    const first = periodOf(startOfRun(this.#runKey) - CLOCK_SKEW_MS);
    for (const period of this.periods()) {
      if (period < first) continue;
      const day = this.#days.get(period);
      const place = day.runs.get(this.#runKey);
      if (place === undefined) continue;
      const row = rowOfBlock(this.#block(day, place.readUInt32BE(0)), place.readUInt16BE(4));
      if (row !== undefined) return { ...row, ended: true };
    }
    return undefined;
  }

  /** Lets go of a day for good. */
  async drop(period: number): Promise<void> {
    this.#periods.delete(period);
    for (const name of this.#blocks.keys()) if (name.startsWith(`${period}/`)) this.#blocks.delete(name);
    await this.#days.close(period);
  }

  close(): Promise<void> {
    return this.#days.closeAll();
  }

  #block(day: HistoryDay, ordinal: number): Buffer {
    const name = `${day.period}/${ordinal}`;
    const kept = this.#blocks.get(name);
    const block = kept ?? this.#unpack(day, ordinal);
    this.#blocks.delete(name);
    this.#blocks.set(name, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > BLOCKS_KEPT_MAX && oldest !== undefined) this.#blocks.delete(oldest);
    return block;
  }

  #unpack(day: HistoryDay, ordinal: number): Buffer {
    const key = Buffer.alloc(4);
    key.writeUInt32BE(ordinal);
    return unseal(day.blocks.get(key) ?? Buffer.alloc(0), day.path, () => `block ${ordinal}`);
  }
}
