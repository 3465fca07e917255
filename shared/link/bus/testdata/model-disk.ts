// What is durable of a model shard, and what commands do to it. A run has one step, and ends with its result.
import { refusal } from "@millrace/errors/refusal.ts";
import { position, type RunId, type TenantId, term } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ShardCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { EndStatus } from "@millrace/model/run-state.ts";

/** A run as it is on disk. */
export interface ModelRun {
  readonly runId: RunId;
  readonly tenant: TenantId;
  epoch: number;
  status: "running" | "paused" | EndStatus;
  /** How often anything was done to it, by the command that did it. */
  readonly done: string[];
}

/** What is durable of a shard. */
export class ModelDisk {
  readonly runs = new Map<RunId, ModelRun>();
  readonly keys = new Map<string, RunId>();
  /** Of the newest claim. */
  term = term(0);
  position = position(0);
}

export function isEnded({ status }: ModelRun): boolean {
  return status !== "running" && status !== "paused";
}

export interface Outcome {
  readonly run: ModelRun | null;
  readonly repeated: boolean;
}

/** Does what a command says, once. */
export function act(disk: ModelDisk, command: ShardCommand): Outcome | Refusal {
  if (command.type === "start") return start(disk, command);
  const run = disk.runs.get(command.runId);
  if (run === undefined)
    return command.type === "result" ? { run: null, repeated: true } : refusal("RUN_NOT_FOUND");
  const change = (mark: string, to: ModelRun["status"] = run.status): Outcome => {
    run.done.push(mark);
    run.status = to;
    disk.position = position(disk.position + 1);
    return { run, repeated: false };
  };
  const again: Outcome = { run, repeated: true };
  switch (command.type) {
    case "result":
      return isEnded(run) || command.result.epoch !== run.epoch ? again : change("result", "completed");
    case "signal": {
      const mark = `signal ${command.signalId}`;
      return command.signalId !== "" && run.done.includes(mark) ? again : change(mark);
    }
    case "cancel":
      return isEnded(run) ? again : change("cancel", "cancelled");
    case "terminate":
      return isEnded(run) ? again : change("terminate", "terminated");
    case "pause":
      return run.status === "running" ? change("pause", "paused") : again;
    case "resume":
      return run.status === "paused" ? change("resume", "running") : refusal("RUN_NOT_PAUSED");
    case "retry": {
      const mark = `retry ${command.requestId}`;
      if (command.requestId !== "" && run.done.includes(mark)) return again;
      if (!isEnded(run)) return refusal("RUN_NOT_ENDED");
      run.epoch++;
      return change(mark, "running");
    }
    case "child-ended": {
      const mark = `child-ended ${command.child}`;
      return run.done.includes(mark) ? again : change(mark);
    }
    case "message": {
      const mark = `message ${command.from} ${command.lane} ${command.number}`;
      return run.done.includes(mark) ? again : change(mark);
    }
    case "timer-due":
    case "advance":
      return again;
  }
}

function start(disk: ModelDisk, { runId, tenant, idempotencyKey }: StartRun): Outcome {
  const known = disk.runs.get(disk.keys.get(idempotencyKey) ?? runId);
  if (known !== undefined) return { run: known, repeated: true };
  const run: ModelRun = { runId, tenant, epoch: 1, status: "running", done: ["start"] };
  disk.runs.set(runId, run);
  if (idempotencyKey !== "") disk.keys.set(idempotencyKey, runId);
  disk.position = position(disk.position + 1);
  return { run, repeated: false };
}
