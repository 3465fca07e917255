import type { TenantId } from "@millrace/model/ids.ts";
import type { Call, Checker } from "./observation.ts";

/** Records under way when a start comes: one in flight, one being decided. */
const RECORDS_UNDER_WAY = 2;
/** Starts of one other tenant that may be taken first: two turns of the mailbox's fair queue. */
const STARTS_BEFORE_MAX = 32;

/** Starts of a tenant that began while another one's burst was waiting. */
interface Waiting {
  readonly shard: number;
  /** Of the others' starts, those decided after the call came in. */
  others: number;
}

/** Counted in starts, not in time: a quiet tenant's start is not taken behind all of a burst. */
export function noNeighboursNoise(shardOf: (call: Call) => number): Checker & { sent(call: Call): void } {
  const waiting = new Map<Call, Waiting>();
  return {
    invariant: "I7",
    /** A quiet tenant's start was handed in. */
    sent(call) {
      waiting.set(call, { shard: shardOf(call), others: 0 });
    },
    see(seen) {
      switch (seen.type) {
        case "disturbed":
          waiting.clear();
          return undefined;
        case "reply":
          waiting.delete(seen.call);
          return undefined;
        case "event": {
          if (seen.event.type !== "run-started") return undefined;
          return counted(seen.shard, seen.record.position, seen.event.tenant);
        }
        default:
          return undefined;
      }
    },
  };

  function counted(shard: number, position: number, tenant: TenantId): string | undefined {
    for (const [call, wait] of waiting) {
      if (wait.shard !== shard || call.command.tenant === tenant) continue;
      if (position <= call.sentAt + RECORDS_UNDER_WAY) continue;
      wait.others++;
      if (wait.others > STARTS_BEFORE_MAX)
        return `start ${call.ref} of tenant ${call.command.tenant} waits behind ${wait.others} later starts of others`;
    }
    return undefined;
  }
}
