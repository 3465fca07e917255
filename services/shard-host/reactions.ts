// Does what a durable turn asks of the world (I1): the only place from which anything leaves a shard because of an event.
import type { Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import { workerName } from "@millrace/model/ids.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Actor, DispatchedTask } from "./actors.ts";
import type { Letter } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import type { Turn, Withdrawal } from "./turn.ts";

/** Performs a turn's reactions; `post` puts housekeeping into the shard's own mailbox. */
export function performTurn(turn: Turn, memory: ShardMemory, post: (letter: Letter) => void): void {
  for (const order of turn.dispatches) {
    if ("attempt" in order) memory.dispatch.add(order);
    else withdraw(order, memory, post);
  }
  for (const reaction of turn.reactions) if (reaction.type !== "dispatch") perform(reaction, memory, post);
  memory.ways.room.rest(memory.actors);
  for (const [origin, { replies, ends }] of turn.outgoing) send(origin, replies, ends);
  memory.dispatch.announce();
}

function withdraw(order: Withdrawal, { dispatch }: ShardMemory, post: (letter: Letter) => void): void {
  for (const task of dispatch.withdraw(order)) post(cancelledUnstarted(task));
}

/** Performs one reaction: of a durable turn, or owed after a take-over, as dispatches always are here. */
export function perform(reaction: Reaction, memory: ShardMemory, post: (letter: Letter) => void): void {
  const { actors, dispatch, loads, timers, ways } = memory;
  switch (reaction.type) {
    case "dispatch": {
      const actor = actors.live.get(reaction.runId);
      // It may have ended since, or moved on; then nobody is owed this attempt.
      if (actor !== undefined && actor.run.epoch === reaction.epoch) dispatch.owe(dispatchedTask(actor, reaction));
      return;
    }
    case "timer": {
      const actor = actors.live.get(reaction.runId);
      if (actor === undefined) return;
      timers.order(actor, reaction.atMs);
      // It may have been loaded only to be looked at.
      actors.rest(actor);
      return;
    }
    case "advance": {
      const actor = actors.live.get(reaction.runId);
      if (actor !== undefined)
        post(internal({ type: "advance", tenant: actor.tenant, runId: reaction.runId, lost: [] }));
      return;
    }
    case "load": {
      const actor = actors.live.get(reaction.runId);
      if (actor !== undefined) loads.order(actor, reaction.blobs);
      return;
    }
    case "await-room": {
      const actor = actors.live.get(reaction.runId);
      if (actor !== undefined) ways.room.push(actor);
      return;
    }
    case "send":
    case "withdraw":
    case "ended":
      // These were turned into messages, withdrawals and ends when they were decided, while the run was at hand.
      return;
  }
}

/** An attempt of a live run as the dispatcher keeps it. */
export function dispatchedTask(actor: Actor, attempt: Extract<Reaction, { type: "dispatch" }>): DispatchedTask {
  const { runId, tenant } = actor;
  return {
    actor,
    runId,
    tenant,
    epoch: attempt.epoch,
    step: attempt.step,
    item: attempt.item,
    attempt: attempt.attempt,
    state: "queued",
    holder: null,
  };
}

/** A letter from the shard to itself. */
export function internal(command: RunCommand): Letter {
  return { command, origin: null, ref: 0, notifyEnd: false };
}

/** No worker ever had it, so its cancellation is answered for it. Changes nothing if the run has ended. */
export function cancelledUnstarted(task: DispatchedTask): Letter {
  const { runId, tenant, epoch, step, item, attempt } = task;
  const worker = workerName("");
  const result = {
    runId,
    epoch,
    step,
    item,
    attempt,
    outcome: { type: "cancelled" },
    worker,
    startedMs: 0,
    logs: null,
  } as const;
  return internal({ type: "result", tenant, runId, result });
}

function send(origin: Origin, replies: readonly Reply[], ends: readonly RunEnd[]): void {
  if (replies.length > 0) origin.replied(replies);
  if (ends.length > 0) origin.ended(ends);
}
