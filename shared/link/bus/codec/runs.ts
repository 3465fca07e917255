// Questions about runs and their answers in frames.

import { position, runId, tenantId, workflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type {
  ListAnswer,
  ListedRun as ListedMessage,
  ListQuery as QueryMessage,
  RunAnswer,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import { RunStatus } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { statusFromMessage, statusMessage } from "@millrace/rpc/run-status.ts";
import type { ListedRun, ListPage, ListQuery, RunView } from "../../link.ts";
import { ANSWER_LENGTH, failureOf, refusalMessage, refusalOf } from "./answers.ts";

/** What a run in a list takes, about. */
const LISTED_LENGTH = 256;

/** How much room an answer about a run takes, about. */
export function viewLength(answer: RunView | Refusal): number {
  return "code" in answer ? ANSWER_LENGTH : ANSWER_LENGTH + answer.bytes.length + answer.definition.length;
}

/** How much room a page takes, about. */
export function pageLength(answer: ListPage | Refusal): number {
  return "code" in answer ? ANSWER_LENGTH : ANSWER_LENGTH + answer.runs.length * LISTED_LENGTH;
}

export function runAnswer(ref: number, answer: RunView | Refusal): RunAnswer {
  if ("code" in answer) return { ref, answer: { $case: "refusal", value: refusalMessage(answer) } };
  const { runId: run, bytes, position: at, definition } = answer;
  const view = {
    runId: run,
    state: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    position: at,
    definition,
  };
  return { ref, answer: { $case: "view", value: view } };
}

/** undefined = an answer that only a newer version knows. */
export function viewOf({ answer }: RunAnswer): RunView | Refusal | undefined {
  switch (answer?.$case) {
    case "view": {
      const { runId: run, state, position: at, definition } = answer.value;
      return { runId: runId(run), bytes: state, position: position(at), definition };
    }
    case "refusal":
      return refusalOf(answer.value);
    case undefined:
      return undefined;
  }
}

export function queryMessage(ref: number, query: ListQuery): QueryMessage {
  return {
    ref,
    tenant: query.tenant,
    workflow: query.workflow ?? "",
    status: query.status === null ? RunStatus.UNSPECIFIED : statusMessage(query.status),
    startedFromMs: query.startedFromMs,
    startedUntilMs: query.startedUntilMs,
    before: query.before ?? "",
    limit: query.limit,
  };
}

/** undefined = it asks for a status that only a newer version knows. */
export function queryOf(message: QueryMessage): ListQuery | undefined {
  const status = statusFromMessage(message.status) ?? null;
  if (status === null && message.status !== RunStatus.UNSPECIFIED) return undefined;
  return {
    tenant: tenantId(message.tenant),
    workflow: message.workflow === "" ? null : workflowName(message.workflow),
    status,
    startedFromMs: message.startedFromMs,
    startedUntilMs: message.startedUntilMs,
    before: message.before === "" ? null : runId(message.before),
    limit: message.limit,
  };
}

export function listAnswer(ref: number, answer: ListPage | Refusal): ListAnswer {
  if ("code" in answer) return { ref, answer: { $case: "refusal", value: refusalMessage(answer) } };
  const page = { runs: answer.runs.map(listedMessage), next: answer.next ?? "" };
  return { ref, answer: { $case: "page", value: page } };
}

/** undefined = an answer that only a newer version knows. */
export function pageOf({ answer }: ListAnswer): ListPage | Refusal | undefined {
  switch (answer?.$case) {
    case "page": {
      const { runs, next } = answer.value;
      return { runs: runs.map(listedOf), next: next === "" ? null : runId(next) };
    }
    case "refusal":
      return refusalOf(answer.value);
    case undefined:
      return undefined;
  }
}

function listedMessage(run: ListedRun): ListedMessage {
  const { status, failure } = run;
  return { ...run, status: statusMessage(status), failure: failure === null ? undefined : failureMessage(failure) };
}

function listedOf(message: ListedMessage): ListedRun {
  const { failure } = message;
  return {
    ...message,
    runId: runId(message.runId),
    tenant: tenantId(message.tenant),
    workflow: workflowName(message.workflow),
    // Where it is on its way only a newer version knows: it is shown as one that goes on.
    status: statusFromMessage(message.status) ?? "running",
    failure: failure === undefined ? null : failureOf(failure),
    position: position(message.position),
  };
}
