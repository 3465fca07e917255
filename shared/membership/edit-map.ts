// Changes of the map that operators ask for. Who hosts what stays the coordinator's to change.
import type { Kv } from "@millrace/kv/kv.ts";
import type { ClusterMap } from "@millrace/model/cluster.ts";
import type { ProcessName } from "@millrace/model/ids.ts";
import { parseMap, printMap } from "./map-text.ts";
import { MAP_KEY } from "./map-watch.ts";

/** The coordinator writes as well: after this many lost races something is wrong. */
const ATTEMPTS_MAX = 20;

export type EditOutcome =
  /** The map is as was asked for. */
  | { readonly type: "done"; readonly map: ClusterMap }
  /** It could not be read or written; it may or may not be as was asked for. Asking again is safe. */
  | { readonly type: "failed"; readonly reason: string };

/** Has a process give away all it hosts, or (`isDraining` false) take its share again. */
export function setDraining(kv: Kv, name: ProcessName, isDraining: boolean): Promise<EditOutcome> {
  return editMap(kv, ({ draining }) => {
    if (draining.includes(name) === isDraining) return null;
    return { draining: isDraining ? [...draining, name] : draining.filter((other) => other !== name) };
  });
}

/** Changes the newest map, however often somebody else is faster. */
async function editMap(kv: Kv, edit: (map: ClusterMap) => Pick<ClusterMap, "draining"> | null): Promise<EditOutcome> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const entry = await kv.get(MAP_KEY).catch((error: unknown) => String(error));
    if (typeof entry === "string") return { type: "failed", reason: entry };
    if (entry === undefined || entry.value === null)
      return { type: "failed", reason: "There is no map yet: no node has started." };
    const map = parseMap(entry.value);
    if ("problem" in map) return { type: "failed", reason: map.problem };
    const edited = edit(map);
    if (edited === null) return { type: "done", map };
    const next = { ...map, ...edited, version: map.version + 1 };
    const outcome = await kv.put(MAP_KEY, printMap(next), entry.revision);
    if (outcome.type === "put") return { type: "done", map: next };
    if (outcome.type === "unknown") return { type: "failed", reason: outcome.reason };
  }
  return { type: "failed", reason: `Somebody else changed the map ${ATTEMPTS_MAX} times meanwhile.` };
}
