// Payloads are kept as JSON text and parsed by nobody (DESIGN §5), so they are checked once, where they come in.
import { isUtf8 } from "node:buffer";
import { JSON_NULL, type Json, json } from "@millrace/model/payload.ts";
import { faultOf, type JsonFault, tooDeep } from "./json-fault.ts";

/** Checks UTF-8 JSON bytes. No bytes are JSON `null`, as the API says. */
export function jsonText(bytes: Uint8Array): Json | JsonFault {
  if (bytes.length === 0) return JSON_NULL;
  if (!isUtf8(bytes)) return { offset: invalidUtf8At(bytes), reason: "these bytes are not UTF-8" };
  return checkedJson(bufferOf(bytes).toString("utf8"));
}

/** Checks JSON text. Offsets are in bytes of UTF-8. */
export function checkedJson(text: string): Json | JsonFault {
  try {
    JSON.parse(text);
  } catch {
    return faultOf(text);
  }
  return tooDeep(text) ?? json(text);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Where decoding put a replacement character that the bytes do not hold. */
function invalidUtf8At(bytes: Uint8Array): number {
  const text = bufferOf(bytes).toString("utf8");
  let offset = 0;
  for (let from = 0; from < text.length; ) {
    const at = text.indexOf("\ufffd", from);
    if (at < 0) break;
    offset += Buffer.byteLength(text.slice(from, at));
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return offset;
    offset += 3;
    from = at + 1;
  }
  return offset;
}
