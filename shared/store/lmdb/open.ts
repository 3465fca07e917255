import { mkdir, rename } from "node:fs/promises";
import { RETENTION_MS, type Store, type StoreOptions } from "../store.ts";
import { applyToHistory, applyToKeys } from "./apply.ts";
import { lookOver } from "./condition.ts";
import { type MainEnvironment, openHistory, openKeys, openMain } from "./environment.ts";
import { sliceNumberOf } from "./facts.ts";
import { daysOf, decodeRedo } from "./redo.ts";
import { Scopes } from "./scopes.ts";
import { LmdbStore } from "./store.ts";

/**
 * Opens the store in a folder, making it if need be. Nobody else may have it open: the journal's lock sees to that.
 * Rejects with {@link StoreDamaged} when a file is not what was written; then {@link setAside} and open again, if the
 * journal still reaches back to its beginning.
 */
export async function openLmdbStore(folder: string, options: StoreOptions = {}): Promise<Store> {
  await mkdir(folder, { recursive: true });
  await lookOver(folder);
  const main = openMain(folder);
  try {
    await finishLastSlice(folder, main);
    return new LmdbStore(folder, main, options.retentionMs ?? RETENTION_MS);
  } catch (error: unknown) {
    await main.root.close();
    throw error;
  }
}

/** Moves a damaged store out of the way, to be looked at later. Returns where it is now. */
export async function setAside(folder: string): Promise<string> {
  const aside = `${folder}.damaged-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
  await rename(folder, aside);
  return aside;
}

/** Applies what a crash kept from being applied (see `redo.ts`). Reads a part only when its day lacks it. */
async function finishLastSlice(folder: string, main: MainEnvironment): Promise<void> {
  const parts = [...main.redo.getRange({})].map(({ value }) => value);
  const days = daysOf(parts);
  const slice = sliceNumberOf(main.facts);
  for (const period of days.keys) {
    const day = openKeys(folder, period);
    if (sliceNumberOf(day.facts) < slice) {
      const part = decodeRedo(parts, main.path).keys.get(period);
      if (part !== undefined) applyToKeys(day, part, slice);
    }
    await day.root.close();
  }
  for (const period of days.history) {
    const day = openHistory(folder, period);
    if (sliceNumberOf(day.facts) < slice) {
      const part = decodeRedo(parts, main.path).history.get(period);
      if (part !== undefined) applyToHistory(day, new Scopes(day), part, slice);
    }
    await day.root.close();
  }
}
