// Whether a shard takes one more command in (I9).
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { MAILBOX_CALLS_MAX, MAILBOX_START_BYTES_MAX, MAILBOX_STARTS_MAX, OVERLAY_BYTES_MAX } from "./limits.ts";
import type { Mailbox } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import { overloaded } from "./refusals.ts";

/** Why the mailbox has no place. Results are never turned away: credits bound them, and they make room. */
export function crowded({ starts, startBytes, progress }: Mailbox, { type }: RunCommand): Refusal | null {
  if (type === "start" && (starts >= MAILBOX_STARTS_MAX || startBytes >= MAILBOX_START_BYTES_MAX))
    return overloaded(`${starts} starts wait already.`);
  if (type !== "start" && type !== "result" && progress >= MAILBOX_CALLS_MAX)
    return overloaded(`${progress} calls wait already.`);
  return null;
}

/** Why memory has no room for one more run. */
export function noRoom(memory: ShardMemory, command: RunCommand): Refusal | null {
  if (command.type !== "start") return null;
  const refused = memory.actors.room.refuses(command.tenant);
  if (refused !== null) return overloaded(refused);
  return memory.actors.overlayBytes >= OVERLAY_BYTES_MAX ? overloaded("The store is behind.") : null;
}
