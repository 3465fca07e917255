import type { Branded } from "./ids.ts";

/** Valid JSON as text. Kept as text from edge to edge; only an expression that reads it parses it. */
export type Json = Branded<string, "Json">;

/** Marks text as JSON. The caller has checked it, or wrote it with JSON.stringify. */
export const json = (text: string): Json => text as Json;

/** The JSON text `null`. */
export const JSON_NULL: Json = json("null");

/** A payload too large to travel in events: stored durably under (run ID, SHA-256) before any event names it. */
export interface BlobRef {
  /** SHA-256 of the UTF-8 bytes, lower-case hex. */
  readonly sha256: string;
  /** Size in bytes. */
  readonly bytes: number;
}

/** JSON text of at most {@link INLINE_PAYLOAD_BYTES_MAX} bytes, or a reference to a larger one. */
export type Payload = Json | BlobRef;

/**
 * A value passed on whole, to a worker or to whoever hears of a run's end: a payload, or the outputs of a `forEach`'s
 * items in order, some of them blobs. Whoever needs its text makes one list of these.
 */
export type PassedPayload = Payload | readonly Payload[];

/** Payloads above this many UTF-8 bytes become blobs (DESIGN §5). */
export const INLINE_PAYLOAD_BYTES_MAX = 64 * 1024;

/** The largest payload there is: a gRPC message of 4 MiB less room for its envelope. */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024 - 64 * 1024;

/**
 * A step's input or a run's output: a payload of its own, or a reference that keeps a passed-on value out of the
 * journal: the ordinal of the step whose output it is, {@link RUN_INPUT}, {@link ITEM_INPUT} or {@link WRITTEN_INPUT}.
 */
export type StepInput = Payload | number;

/** The run's own input. */
export const RUN_INPUT = -1;
/** The `forEach` item itself. */
export const ITEM_INPUT = -2;
/** What the pinned definition writes, which holds no expression. */
export const WRITTEN_INPUT = -3;
