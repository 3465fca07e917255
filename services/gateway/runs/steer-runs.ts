// SignalRun, CancelRun, TerminateRun, PauseRun, ResumeRun and RetryRun: one command each.
import { INLINE_PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type {
  CancelRunRequest,
  CancelRunResponse,
  PauseRunRequest,
  PauseRunResponse,
  ResumeRunRequest,
  ResumeRunResponse,
  RetryRunRequest,
  RetryRunResponse,
  SignalRunRequest,
  SignalRunResponse,
  TerminateRunRequest,
  TerminateRunResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type Done, submitOne } from "../calls/ask-shards.ts";
import { type CallContext, type Outcome, Refused } from "../calls/call.ts";
import {
  REASON_CHARACTERS_MAX,
  REQUEST_ID_CHARACTERS_MAX,
  runIdOf,
  SIGNAL_NAME_CHARACTERS_MAX,
  textFault,
} from "../calls/fields.ts";
import { checkPayload } from "../payloads/payloads.ts";
import type { RunPorts } from "./start-runs.ts";

export async function signalRun(
  ports: RunPorts,
  request: SignalRunRequest,
  context: CallContext,
): Promise<Outcome<SignalRunResponse>> {
  const runId = runIdOf(request.runId);
  if (runId instanceof Refused) return runId;
  const fault =
    textFault("name", request.name, SIGNAL_NAME_CHARACTERS_MAX, 1) ??
    textFault("request_id", request.requestId, REQUEST_ID_CHARACTERS_MAX);
  if (fault !== undefined) return fault;
  const payload = checkPayload("payload", request.payload, INLINE_PAYLOAD_BYTES_MAX);
  if ("code" in payload) return new Refused(payload);
  const { tenant } = context;
  const { requestId: signalId, name } = request;
  const done = await submitOne(ports.shards, { type: "signal", tenant, runId, signalId, name, payload: payload.text });
  return done instanceof Refused ? done : { repeatedSignal: done.repeated };
}

export async function cancelRun(
  ports: RunPorts,
  request: CancelRunRequest,
  context: CallContext,
): Promise<Outcome<CancelRunResponse>> {
  return emptied(await submitWithReason(ports, "cancel", request, context));
}

export async function terminateRun(
  ports: RunPorts,
  request: TerminateRunRequest,
  context: CallContext,
): Promise<Outcome<TerminateRunResponse>> {
  return emptied(await submitWithReason(ports, "terminate", request, context));
}

export async function pauseRun(
  ports: RunPorts,
  request: PauseRunRequest,
  context: CallContext,
): Promise<Outcome<PauseRunResponse>> {
  return emptied(await submitWithReason(ports, "pause", request, context));
}

export async function resumeRun(
  ports: RunPorts,
  request: ResumeRunRequest,
  context: CallContext,
): Promise<Outcome<ResumeRunResponse>> {
  const runId = runIdOf(request.runId);
  if (runId instanceof Refused) return runId;
  return emptied(await submitOne(ports.shards, { type: "resume", tenant: context.tenant, runId }));
}

export async function retryRun(
  ports: RunPorts,
  request: RetryRunRequest,
  context: CallContext,
): Promise<Outcome<RetryRunResponse>> {
  const runId = runIdOf(request.runId);
  if (runId instanceof Refused) return runId;
  const fault = textFault("request_id", request.requestId, REQUEST_ID_CHARACTERS_MAX);
  if (fault !== undefined) return fault;
  const { requestId } = request;
  const done = await submitOne(ports.shards, { type: "retry", tenant: context.tenant, runId, requestId });
  return done instanceof Refused ? done : { epoch: done.epoch, repeatedRetry: done.repeated };
}

type ReasonedCommand = Extract<RunCommand, { reason: string }>["type"];

async function submitWithReason(
  ports: RunPorts,
  type: ReasonedCommand,
  request: { readonly runId: string; readonly reason: string },
  context: CallContext,
): Promise<Done | Refused> {
  const runId = runIdOf(request.runId);
  if (runId instanceof Refused) return runId;
  const fault = textFault("reason", request.reason, REASON_CHARACTERS_MAX);
  if (fault !== undefined) return fault;
  return submitOne(ports.shards, { type, tenant: context.tenant, runId, reason: request.reason });
}

function emptied(done: Done | Refused): Outcome<Record<string, never>> {
  return done instanceof Refused ? done : {};
}
