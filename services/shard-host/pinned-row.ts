// A definition that runs are pinned to, as the store keeps it.
import { decodeEvents, encodeEvents } from "@millrace/codec/events-v1.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";
import type { ShardRow } from "@millrace/store/store.ts";
import { definitionKey, type RecentPin } from "./plans.ts";

export function pinnedRow({ event, position }: RecentPin): ShardRow {
  const { tenant, workflow, version } = event;
  // A copy: the encoder uses its buffer again.
  const bytes = Buffer.from(encodeEvents([event], 0, 0));
  return { key: definitionKey(tenant, workflow, version), position, bytes };
}

/** Throws CodecError. */
export function readPinnedRow(bytes: Uint8Array, visit: (event: DefinitionPinned) => void): void {
  decodeEvents(bytes, 0, (event) => {
    if (event.type === "definition-pinned") visit(event);
  });
}
