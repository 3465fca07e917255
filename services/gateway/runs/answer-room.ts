// How much one answer about a run may hold, so that it is never larger than a client takes.
import { STEPS_MAX } from "@millrace/model/definition.ts";
import { INLINE_PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import { ENVELOPE_BYTES_MAX, RESPONSE_BYTES_MAX } from "@millrace/rpc/limits.ts";

/** Payloads. More than an input, an output and the logs of eleven attempts, so a step or item alone is always whole. */
export const PAYLOAD_BYTES_IN_ANSWER_MAX = 11 * 1024 * 1024;

/** Payloads in a state of a watched run that is not its last: an input that is larger is not sent again and again. */
export const PAYLOAD_BYTES_IN_STATE_MAX = INLINE_PAYLOAD_BYTES_MAX;

/** What failures say. A failure may say 8,192 characters, and a step remembers eleven of them. */
export const TEXT_BYTES_IN_ANSWER_MAX = 1024 * 1024;

/** What is told of a failure for which there is no room, in characters of each text. */
export const CUT_TEXT_CHARACTERS = 128;

/** Items, those of all steps together. */
export const ITEMS_IN_ANSWER_MAX = 1_000;

/** A step or item without payloads and with cut texts: names, a code and two texts in UTF-8, times and numbers. */
const ROW_BYTES_MAX = 2 * 1024;

const ROWS_BYTES_MAX = (STEPS_MAX + ITEMS_IN_ANSWER_MAX) * ROW_BYTES_MAX;

if (PAYLOAD_BYTES_IN_ANSWER_MAX + TEXT_BYTES_IN_ANSWER_MAX + ROWS_BYTES_MAX + ENVELOPE_BYTES_MAX > RESPONSE_BYTES_MAX)
  throw new Error("An answer about a run may be larger than a response.");
