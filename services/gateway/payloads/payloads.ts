// Payloads on their way in and out: checked, large ones durable as blobs before anything names them, and read back.

import { type Blobs, BlobsFull } from "@millrace/blobs/blobs.ts";
import { isBlobRef } from "@millrace/core/run/input.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RunId } from "@millrace/model/ids.ts";
import {
  INLINE_PAYLOAD_BYTES_MAX,
  type Json,
  PAYLOAD_BYTES_MAX,
  type PassedPayload,
  type Payload,
} from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { jsonText } from "./json-text.ts";

/** A payload that was checked, and its size. */
export interface CheckedPayload {
  readonly text: Json;
  readonly bytes: number;
}

/** Checks a payload from outside; a refusal names `field`, the offset and the bound. */
export function checkPayload(field: string, bytes: Uint8Array, bytesMax = PAYLOAD_BYTES_MAX): CheckedPayload | Refusal {
  if (bytes.length > bytesMax) {
    return refusal("PAYLOAD_TOO_LARGE", {
      field,
      message: `${field} has ${bytes.length} bytes; at most ${bytesMax} are taken.`,
    });
  }
  const text = jsonText(bytes);
  if (typeof text === "string") return { text, bytes: bytes.length };
  return refusal("INVALID_ARGUMENT", {
    field,
    message: `${field} is not UTF-8 JSON: at byte ${text.offset}, ${text.reason}.`,
    fix: "Send one JSON value; a string needs its double quotes.",
  });
}

/** Whether a payload has to become a blob before a command may carry it. */
export function needsBlob(payload: CheckedPayload): boolean {
  return payload.bytes > INLINE_PAYLOAD_BYTES_MAX;
}

/** Makes a large payload durable and gives the reference; a small one is itself. */
export async function storePayload(blobs: Blobs, runId: RunId, payload: CheckedPayload): Promise<Payload | Refusal> {
  if (!needsBlob(payload)) return payload.text;
  try {
    return await blobs.put(runId, Buffer.from(payload.text));
  } catch (error: unknown) {
    if (error instanceof BlobsFull) return refusal("DISK_FULL");
    throw error;
  }
}

/** Whether what {@link storePayload} answered is a refusal. */
export function isRefusal(value: Payload | Refusal): value is Refusal {
  return typeof value === "object" && "code" in value;
}

/** The text of a payload or of a list of them; undefined = a blob of it is gone (with its run). */
export async function loadPayload(blobs: Blobs, runId: RunId, payload: PassedPayload): Promise<Buffer | undefined> {
  if (typeof payload === "string") return Buffer.from(payload);
  if (!isBlobRef(payload)) return await loadList(blobs, runId, payload);
  const bytes = await blobs.get(runId, payload);
  return bytes === undefined ? undefined : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

async function loadList(blobs: Blobs, runId: RunId, payloads: readonly Payload[]): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  for (const payload of payloads) {
    const part = await loadPayload(blobs, runId, payload);
    if (part === undefined) return undefined;
    parts.push(parts.length === 0 ? LIST_BEGIN : LIST_COMMA, part);
  }
  return Buffer.concat([...parts, LIST_END]);
}

const LIST_BEGIN = Buffer.from("[");
const LIST_COMMA = Buffer.from(",");
const LIST_END = Buffer.from("]");
