import type { Envelope, Shards } from "@millrace/link/link.ts";
import { startErrorOf } from "@millrace/rpc/error-details.ts";
import type {
  RunStarted,
  StartRunRequest,
  StartRunResponse,
  StartRunsRequest,
  StartRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { followOne, submitAll, submitOne } from "../calls/ask-shards.ts";
import { type CallContext, DeadlinePassed, type Outcome, Refused } from "../calls/call.ts";
import { numberFault } from "../calls/fields.ts";
import { runEndMessage } from "./run-end.ts";
import { prepareStart, type StartPorts } from "./start-command.ts";

export interface RunPorts extends StartPorts {
  readonly shards: Shards;
}

/** Runs one StartRuns call may start. */
const STARTS_MAX = 10_000;

/** StartRun: durable when it resolves; with `wait` it resolves at the run's end. */
export async function startRun(
  ports: RunPorts,
  request: StartRunRequest,
  context: CallContext,
): Promise<Outcome<StartRunResponse>> {
  const prepared = prepareStart(ports, context, request);
  const command = prepared instanceof Promise ? await prepared : prepared;
  if (command instanceof Refused) return command;
  if (!request.wait) {
    const reply = await submitOne(ports.shards, command);
    if (reply instanceof Refused) return reply;
    return { runId: reply.runId, repeatedStart: reply.repeated, end: undefined };
  }
  const followed = followOne(ports.shards, command);
  const reply = await followed.replied;
  if (reply instanceof Refused) return reply;
  const end = await before(followed.ended, context.signal);
  if (end === undefined) {
    followed.forget();
    return new DeadlinePassed(`Run ${reply.runId} has not ended by the call's deadline; it goes on.`);
  }
  return { runId: reply.runId, repeatedStart: reply.repeated, end: await runEndMessage(ports.blobs, end, 0) };
}

/** StartRuns: one answer a start, in order, each durable or refused. */
export async function startRuns(
  ports: RunPorts,
  request: StartRunsRequest,
  context: CallContext,
): Promise<Outcome<StartRunsResponse>> {
  const fault = numberFault("runs", request.runs.length, 1, STARTS_MAX);
  if (fault !== undefined) return fault;
  const runs: RunStarted[] = request.runs.map(({ ref }) => ({
    ref,
    runId: "",
    repeatedStart: false,
    error: undefined,
  }));
  const batch: Envelope[] = [];
  const places: RunStarted[] = [];
  for (const [index, start] of request.runs.entries()) {
    const run = runs[index];
    if (run === undefined) continue;
    const prepared = prepareStart(ports, context, start, `runs[${index}].`);
    // At most 64 inputs of over 64 KiB fit into a request, so that one after the other is soon enough.
    const command = prepared instanceof Promise ? await prepared : prepared;
    if (command instanceof Refused) run.error = startErrorOf(command.refusal);
    else places[batch.push({ ref: batch.length, command, notifyEnd: false }) - 1] = run;
  }
  for (const reply of await submitAll(ports.shards, batch)) {
    const run = places[reply.ref];
    if (run === undefined) continue;
    if (reply.type === "refused") run.error = startErrorOf(reply.refusal);
    else {
      run.runId = reply.runId;
      run.repeatedStart = reply.repeated;
    }
  }
  return { runs };
}

/** What the promise resolves to, or undefined when the signal is aborted first. */
function before<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const aborted = () => resolve(undefined);
    if (signal.aborted) aborted();
    signal.addEventListener("abort", aborted, { once: true });
    promise.finally(() => signal.removeEventListener("abort", aborted)).then(resolve, reject);
  });
}
