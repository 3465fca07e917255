// Whether a shard takes one more command in (I9).
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";
import { MAILBOX_CALLS_MAX, MAILBOX_START_BYTES_MAX, MAILBOX_STARTS_MAX, OVERLAY_BYTES_MAX } from "./limits.ts";
import { isStart, type Mailbox } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import { overloaded } from "./refusals.ts";

/** Why the mailbox has no place. Results and answers are never turned away: credits and outboxes bound them, and they make room. */
export function crowded({ starts, startBytes, progress }: Mailbox, command: ShardCommand): Refusal | null {
  const { type } = command;
  if (isStart(command) && (starts >= MAILBOX_STARTS_MAX || startBytes >= MAILBOX_START_BYTES_MAX))
    return overloaded(`${starts} starts wait already.`);
  if (type !== "start" && type !== "result" && type !== "message" && progress >= MAILBOX_CALLS_MAX)
    return overloaded(`${progress} calls wait already.`);
  return null;
}

/** Why memory has no room for one more run. */
export function noRoom(memory: ShardMemory, command: ShardCommand): Refusal | null {
  if (!isStart(command)) return null;
  const refused = memory.actors.room.refuses(command.tenant);
  if (refused !== null) return overloaded(refused);
  // Not children: shards that refuse each other's would never have room again.
  if (command.type === "start" && memory.ways.full) return overloaded("Messages to other runs wait.");
  return memory.actors.overlayBytes >= OVERLAY_BYTES_MAX ? overloaded("The store is behind.") : null;
}
