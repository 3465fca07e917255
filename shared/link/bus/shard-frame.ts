// What a frame of a shard has to say, told to whoever hears it.

import type { ShardFrame } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import type { Reply } from "../link.ts";
import { endOf, replyOf } from "./codec/answers.ts";
import { pageOf, viewOf } from "./codec/runs.ts";
import { owedOf, taskOf, tokenOf } from "./codec/tasks.ts";
import type { LineEvents } from "./line.ts";

/** What a line remembers of a shard's tasks. */
export interface KnownDemand {
  /** Tenants waiting, by task type. */
  readonly demands: Map<string, number>;
  /** Task types of pulls under way. */
  readonly pulls: Map<number, readonly string[]>;
}

/** Tells everything a frame says. */
export function tellAll(frame: ShardFrame, events: LineEvents, known: KnownDemand): void {
  if (frame.replies.length > 0) events.replied(repliesOf(frame, events), false);
  if (frame.ends.length > 0) events.ended(frame.ends.map(endOf));
  tellTasks(frame, events, known);
  for (const message of frame.runs) {
    const answer = viewOf(message);
    if (answer !== undefined) events.ran(message.ref, answer);
  }
  for (const message of frame.lists) {
    const answer = pageOf(message);
    if (answer !== undefined) events.listed(message.ref, answer);
  }
  for (const message of frame.changes) {
    const answer = viewOf(message);
    if (answer !== undefined) events.changed(message.ref, answer);
  }
}

/** Tells what is true whoever says it and whenever: what was done, and what has ended. */
export function tellFacts(frame: ShardFrame, events: LineEvents): void {
  const done = repliesOf(frame, events).filter(({ type }) => type === "done");
  if (done.length > 0) events.replied(done, true);
  if (frame.ends.length > 0) events.ended(frame.ends.map(endOf));
}

function tellTasks(frame: ShardFrame, { tasks }: LineEvents, { demands, pulls }: KnownDemand): void {
  // What went elsewhere may have come back to the shard since, and be among what is given out.
  if (frame.moved.length > 0) tasks.moved(frame.moved.map(tokenOf));
  for (const { ref, tasks: pulled, released, isLast, left } of frame.pulled) {
    if (isLast) {
      for (const taskType of pulls.get(ref) ?? []) demands.delete(taskType);
      for (const { taskType, tenants } of left) demands.set(taskType, tenants);
      pulls.delete(ref);
    }
    tasks.pulled(ref, pulled.map(taskOf), released);
  }
  for (const { taskType, tenants } of frame.demands) {
    demands.set(taskType, tenants);
    if (tenants > 0) tasks.demand(taskType);
  }
  if (frame.withdrawn.length > 0) tasks.withdraw(frame.withdrawn.map(tokenOf));
  if (frame.owed.length > 0) tasks.owed(frame.owed.map(owedOf));
}

/** Replies that somebody still waits for. */
function repliesOf(frame: ShardFrame, events: LineEvents): Reply[] {
  const replies: Reply[] = [];
  for (const message of frame.replies) {
    const asked = events.runOf(message.ref);
    if (asked !== undefined) replies.push(replyOf(message, asked));
  }
  return replies;
}
