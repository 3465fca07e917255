// The link's callbacks as promises, for calls that hand in one command or ask one question.
import type { Envelope, ListPage, ListQuery, Origin, Reply, RunEnd, RunView, Shards } from "@millrace/link/link.ts";
import type { RunId, TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { Refused } from "./call.ts";

/** A command's answer other than a refusal. */
export type Done = Extract<Reply, { type: "done" }>;

/** Hands in one command and waits until what it did is durable. */
export function submitOne(shards: Shards, command: RunCommand): Promise<Done | Refused> {
  return new Promise((resolve) => {
    const origin: Origin = {
      replied: ([reply]) => {
        if (reply !== undefined) resolve(reply.type === "done" ? reply : new Refused(reply.refusal));
      },
      ended: () => undefined,
    };
    shards.submit(origin, [{ ref: 0, command, notifyEnd: false }]);
  });
}

/** A start that was handed in: its answer, and its end. */
export interface FollowedStart {
  readonly replied: Promise<Done | Refused>;
  /** Never settles for a refused start. */
  readonly ended: Promise<RunEnd>;
  /** The caller waits no more. */
  readonly forget: () => void;
}

/** Hands in one start and waits for its answer and the run's end. */
export function followOne(shards: Shards, command: RunCommand): FollowedStart {
  const reply = Promise.withResolvers<Done | Refused>();
  const end = Promise.withResolvers<RunEnd>();
  const origin: Origin = {
    replied: ([first]) => {
      if (first !== undefined) reply.resolve(first.type === "done" ? first : new Refused(first.refusal));
    },
    ended: ([first]) => {
      if (first !== undefined) end.resolve(first);
    },
  };
  shards.submit(origin, [{ ref: 0, command, notifyEnd: true }]);
  return { replied: reply.promise, ended: end.promise, forget: () => shards.forget(origin) };
}

/** Hands in a batch and waits for all answers, in the batch's order. Refs must be its indices. */
export function submitAll(shards: Shards, batch: readonly Envelope[]): Promise<readonly Reply[]> {
  if (batch.length === 0) return Promise.resolve([]);
  return new Promise((resolve) => {
    const replies = new Array<Reply>(batch.length);
    let open = batch.length;
    const origin: Origin = {
      replied: (some) => {
        for (const reply of some) replies[reply.ref] = reply;
        open -= some.length;
        if (open === 0) resolve(replies);
      },
      ended: () => undefined,
    };
    shards.submit(origin, batch);
  });
}

export function readRun(shards: Shards, tenant: TenantId, runId: RunId): Promise<RunView | Refused> {
  return new Promise((resolve) => shards.run(tenant, runId, (answer) => resolve(viewOrRefused(answer))));
}

export function readList(shards: Shards, query: ListQuery): Promise<ListPage | Refused> {
  return new Promise((resolve) =>
    shards.list(query, (answer) => resolve("code" in answer ? new Refused(answer) : answer)),
  );
}

/** Tells a view from a refusal. */
export function viewOrRefused(answer: RunView | Refusal): RunView | Refused {
  return "code" in answer ? new Refused(answer) : answer;
}
