// The shard's own folded state, as a checkpoint keeps it: the definitions its runs are pinned to.
import { decodeEvents, encodeEvents } from "@millrace/codec/events-v1.ts";
import type { DefinitionPinned } from "@millrace/model/run-events.ts";

export function encodeMeta(pinned: readonly DefinitionPinned[]): Uint8Array {
  return encodeEvents(pinned, 0, 0);
}

/** Throws CodecError. */
export function decodeMeta(body: Uint8Array): DefinitionPinned[] {
  const pinned: DefinitionPinned[] = [];
  decodeEvents(body, 0, (event) => {
    if (event.type === "definition-pinned") pinned.push(event);
  });
  return pinned;
}
