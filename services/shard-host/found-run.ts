// A run as it lies in memory or in the store, for being looked at: that alone brings no run into memory.
import { decodeRunHead, decodeRunState, encodeRunState } from "@millrace/codec/run-state-v1.ts";
import { NONE_RETRIES, type Retrying, retryingOf, summarise } from "@millrace/core/run/summarise.ts";
import { cutText } from "@millrace/errors/failure.ts";
import { LISTED_TEXT_CHARACTERS_MAX, type ListedRun, type RunView } from "@millrace/link/link.ts";
import type { Position, RunId } from "@millrace/model/ids.ts";
import type { RunHead, RunState } from "@millrace/model/run-state.ts";
import type { Store } from "@millrace/store/store.ts";
import { LIST_ITEM_BYTES } from "./limits.ts";
import type { ShardMemory } from "./memory.ts";

export type FoundRun =
  /** Being worked on. */
  | { readonly type: "live"; readonly position: Position; readonly head: RunState }
  /** In the overlay, or in the store. */
  | {
      readonly type: "encoded";
      readonly position: Position;
      readonly head: RunHead;
      readonly bytes: Uint8Array;
      /** What it took to read it, in bytes: of the overlay's, the head alone. */
      readonly bytesRead: number;
    };

/** The newest form of a run; undefined = unknown. */
export function findRun({ actors }: ShardMemory, store: Store, runId: RunId): FoundRun | undefined {
  const actor = actors.live.get(runId);
  if (actor !== undefined) return { type: "live", position: actor.position, head: actor.run };
  const ended = actors.overlay.get(runId);
  if (ended !== undefined) {
    const { position, bytes } = ended;
    const head = decodeRunHead(bytes);
    return {
      type: "encoded",
      position,
      head,
      bytes,
      bytesRead: typeof head.input === "string" ? head.input.length : 0,
    };
  }
  const stored = store.run(runId);
  if (stored === undefined) return undefined;
  const { position, bytes } = stored;
  return { type: "encoded", position, head: decodeRunHead(bytes), bytes, bytesRead: bytes.length };
}

/** All of a run. */
export function runView({ plans }: ShardMemory, found: FoundRun): RunView {
  const { runId, tenant, workflow, version } = found.head;
  const bytes = found.type === "live" ? encodeRunState(found.head) : found.bytes;
  const definition = plans.get(tenant, workflow, version)?.event.body ?? "";
  return { runId, bytes, position: found.position, definition };
}

/** A run as a list shows it. */
export function listedRun({ plans }: ShardMemory, found: FoundRun): ListedRun {
  const { tenant, workflow, version } = found.head;
  const steps = plans.get(tenant, workflow, version)?.plan.steps ?? [];
  const summary = summarise(found.head, steps, retrying(found));
  const { failure } = summary;
  return {
    ...summary,
    failure: failure === null ? null : { ...failure, message: cut(failure.message), guidance: cut(failure.guidance) },
    reason: cut(summary.reason),
    position: found.position,
  };
}

/** What listing a run counts against LIST_BYTES_MAX. */
export function listingBytes(found: FoundRun): number {
  if (found.type === "encoded") return found.bytesRead;
  let items = 0;
  for (const step of found.head.steps) if ("tasks" in step) items += step.tasks.length;
  return items * LIST_ITEM_BYTES;
}

function retrying(found: FoundRun): Retrying {
  if (found.type === "live") return retryingOf(found.head);
  return found.head.endedMs > 0 ? NONE_RETRIES : retryingOf(decodeRunState(found.bytes));
}

function cut(text: string): string {
  return cutText(text, LISTED_TEXT_CHARACTERS_MAX);
}
