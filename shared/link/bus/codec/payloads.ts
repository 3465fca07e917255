// Payloads as fields of messages: their text, or where it lies.
import { isBlobRef } from "@millrace/core/run/input.ts";
import { type BlobRef, json, type PassedPayload, type Payload } from "@millrace/model/payload.ts";
import type {
  BlobRef as BlobMessage,
  Payload as PayloadMessage,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";

const NO_ITEMS: PayloadMessage[] = [];

/** The text of one that has any; else empty. */
export function textOf(payload: PassedPayload | null): string {
  return typeof payload === "string" ? payload : "";
}

export function blobOf(payload: PassedPayload | null): BlobMessage | undefined {
  return payload !== null && isBlobRef(payload) ? refMessage(payload) : undefined;
}

export function refMessage({ sha256, bytes }: BlobRef): BlobMessage {
  return { sha256, sizeBytes: bytes };
}

export function refOf({ sha256, sizeBytes }: BlobMessage): BlobRef {
  return { sha256, bytes: sizeBytes };
}

/** The elements of a list of payloads. */
export function itemsOf(payload: PassedPayload | null): PayloadMessage[] {
  if (payload === null || typeof payload === "string" || isBlobRef(payload)) return NO_ITEMS;
  return payload.map((each) => ({ json: textOf(each), blob: blobOf(each) }));
}

/** null = there is none. */
export function payloadOf(text: string, blob: BlobMessage | undefined): Payload | null {
  if (blob !== undefined) return refOf(blob);
  return text === "" ? null : json(text);
}

/** null = there is none. */
export function passedOf(
  text: string,
  blob: BlobMessage | undefined,
  items: readonly PayloadMessage[],
): PassedPayload | null {
  if (items.length === 0) return payloadOf(text, blob);
  return items.map((each) => payloadOf(each.json, each.blob) ?? json("null"));
}

/** How much room one takes in a frame, about. */
export function payloadLength(payload: PassedPayload | null): number {
  if (payload === null) return 0;
  if (typeof payload === "string") return payload.length;
  return isBlobRef(payload) ? BLOB_LENGTH : payload.reduce((sum, each) => sum + payloadLength(each), 0);
}

/** A hash and a number. */
const BLOB_LENGTH = 80;
