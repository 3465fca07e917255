import { mkdir, rename } from "node:fs/promises";
import { RETENTION_MS, type Store, type StoreOptions } from "../store.ts";
import { applyToHistory, applyToKeys } from "./apply.ts";
import { takeOver } from "./condition.ts";
import { type MainEnvironment, openHistory, openKeys, openMain } from "./environment.ts";
import { sliceNumberOf } from "./facts.ts";
import { decodeRedo } from "./redo.ts";
import { Scopes } from "./scopes.ts";
import { LmdbStore } from "./store.ts";

/**
 * Opens the store in a folder, making it if need be. Nobody else may have it open: the journal's lock sees to that.
 * Rejects with {@link StoreDamaged} when a file is not what was written; then {@link setAside} and open again, if the
 * journal still reaches back to its beginning.
 */
export async function openLmdbStore(folder: string, options: StoreOptions = {}): Promise<Store> {
  await mkdir(folder, { recursive: true });
  await takeOver(folder);
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

/** Applies what a crash kept from being applied (see `redo.ts`). */
async function finishLastSlice(folder: string, main: MainEnvironment): Promise<void> {
  const parts = [...main.redo.getRange({})].map(({ value }) => value);
  if (parts.length === 0) return;
  const slice = sliceNumberOf(main.facts);
  const redo = decodeRedo(parts, main.path);
  for (const part of redo.keys.values()) {
    const day = openKeys(folder, part.period);
    applyToKeys(day, part, slice);
    await day.root.close();
  }
  for (const part of redo.history.values()) {
    const day = openHistory(folder, part.period);
    applyToHistory(day, new Scopes(day), part, slice);
    await day.root.close();
  }
}
