// A definition that runs are pinned to, as the store keeps it.
import { decodeEvents, encodeEvents } from "@millrace/codec/events-v1.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";
import type { PinnedRow } from "@millrace/store/store.ts";
import { definitionName } from "./plans.ts";

export function pinnedRow(event: DefinitionPinned): PinnedRow {
  const { tenant, workflow, version } = event;
  // A copy: the encoder uses its buffer again.
  return { name: definitionName(tenant, workflow, version), bytes: Buffer.from(encodeEvents([event], 0, 0)) };
}

/** Throws CodecError. */
export function readPinnedRow(bytes: Uint8Array, visit: (event: DefinitionPinned) => void): void {
  decodeEvents(bytes, 0, (event) => {
    if (event.type === "definition-pinned") visit(event);
  });
}
