// GetRun and ListRuns.
import type {
  GetRunRequest,
  GetRunResponse,
  ListRunsRequest,
  ListRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { statusFromMessage } from "@millrace/rpc/run-status.ts";
import { readList, readRun } from "../calls/ask-shards.ts";
import { type CallContext, type Outcome, Refused } from "../calls/call.ts";
import { invalid, numberFault, runIdOf, workflowOf } from "../calls/fields.ts";
import type { TaskHub } from "../tasks/task-hub.ts";
import type { WebhookRoutes } from "../webhooks/routes.ts";
import type { OpenedView, ViewOpener } from "./opened-view.ts";
import { lastRunOfPage, pageToken } from "./page-token.ts";
import { runMessage, summaryMessage } from "./run-message.ts";
import { followOutput, PayloadTexts } from "./run-payloads.ts";
import type { RunPorts } from "./start-runs.ts";

export interface ReadPorts extends RunPorts {
  readonly views: ViewOpener;
  readonly hub: Pick<TaskHub, "live">;
  readonly webhooks: Pick<WebhookRoutes, "conflict">;
}

const PAGE_SIZE_MAX = 1_000;
const PAGE_SIZE_DEFAULT = 50;

export async function getRun(
  ports: ReadPorts,
  request: GetRunRequest,
  context: CallContext,
): Promise<Outcome<GetRunResponse>> {
  const opened = await openRun(ports, request.runId, context);
  if (opened instanceof Refused) return opened;
  const { run, definition } = opened;
  const payloads = new PayloadTexts();
  await payloads.load(ports.blobs, run.runId, [run.input, followOutput(run, definition)]);
  return { run: runMessage(run, definition, payloads) };
}

export async function listRuns(
  ports: ReadPorts,
  request: ListRunsRequest,
  context: CallContext,
): Promise<Outcome<ListRunsResponse>> {
  const sizeFault = numberFault("page_size", request.pageSize, 0, PAGE_SIZE_MAX);
  if (sizeFault !== undefined) return sizeFault;
  const workflow = request.workflow === "" ? null : workflowOf(request.workflow, "workflow");
  if (workflow instanceof Refused) return workflow;
  const status = request.status === 0 ? null : statusFromMessage(request.status);
  if (status === undefined)
    return invalid("status", `status is ${request.status}, which is no status.`, "Use a RunStatus.");
  const startedFromMs = request.startTimeFrom?.getTime() ?? 0;
  const startedUntilMs = request.startTimeUntil?.getTime() ?? 0;
  if (startedUntilMs > 0 && startedUntilMs <= startedFromMs) {
    const message = "start_time_until is not after start_time_from: no run can match.";
    return invalid("start_time_until", message, "Send a later start_time_until, or leave one of the two out.");
  }
  const filters = [context.tenant, request.workflow, request.status, startedFromMs, startedUntilMs].join("\n");
  const before = lastRunOfPage(request.pageToken, filters);
  if (before instanceof Refused) return before;
  const limit = request.pageSize === 0 ? PAGE_SIZE_DEFAULT : request.pageSize;
  const { tenant } = context;
  const page = await readList(ports.shards, { tenant, workflow, status, startedFromMs, startedUntilMs, before, limit });
  if (page instanceof Refused) return page;
  return {
    runs: page.runs.map(summaryMessage),
    nextPageToken: page.next === null ? "" : pageToken(page.next, filters),
  };
}

/** A run as it is now. */
export async function openRun(ports: ReadPorts, id: string, context: CallContext): Promise<OpenedView | Refused> {
  const runId = runIdOf(id);
  if (runId instanceof Refused) return runId;
  const view = await readRun(ports.shards, context.tenant, runId);
  return view instanceof Refused ? view : ports.views.open(view);
}
