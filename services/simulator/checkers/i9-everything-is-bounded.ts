import { RECORD_BYTES_MAX } from "@millrace/journal/journal.ts";
import {
  MAILBOX_CALLS_MAX,
  MAILBOX_STARTS_MAX,
  MESSAGES_WAITING_MAX,
  OVERLAY_BYTES_MAX,
} from "@millrace/shard-host/limits.ts";
import type { Checker } from "./observation.ts";

/** Results and housekeeping in the mailbox: in a world of this size, few workers with few credits, and few timers. */
const MAILBOX_OTHERS_MAX = 100;
/** What runs that end may add to the overlay after intake has stopped: these were under way already. */
const OVERLAY_SLACK_BYTES = 4 * 1024 * 1024;

/** Messages beside orders that runs under way may send when the outbox is full: answers, and words to stop. */
const MESSAGES_SLACK = 500;

/** Mailboxes, memory and records keep to their bounds. */
export function everythingIsBounded(): Checker {
  return {
    invariant: "I9",
    see(seen) {
      if (seen.type === "record" && seen.bytes > RECORD_BYTES_MAX)
        return `record ${seen.record.position} has ${seen.bytes} bytes`;
      if (seen.type !== "load") return undefined;
      const { mailbox, overlayBytes, messages } = seen.load;
      if (messages < 0 || messages > MESSAGES_WAITING_MAX + MESSAGES_SLACK) return `${messages} messages wait`;
      if (mailbox > MAILBOX_STARTS_MAX + MAILBOX_CALLS_MAX + MAILBOX_OTHERS_MAX)
        return `${mailbox} letters wait in a mailbox`;
      if (overlayBytes < 0 || overlayBytes > OVERLAY_BYTES_MAX + OVERLAY_SLACK_BYTES)
        return `the overlay has ${overlayBytes} bytes`;
      return undefined;
    },
  };
}
