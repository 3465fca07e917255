// The RPCs with one answer as JSON in, JSON out, by path.
import { ClusterServiceService as Cluster } from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import type { Messages } from "@millrace/rpc/generated/millrace/v1/json-types.ts";
import { RunServiceService as Runs } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { WorkflowServiceService as Workflows } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { fromJson, toJson } from "@millrace/rpc/json.ts";
import type { MessageName } from "@millrace/rpc/json-type.ts";
import { type CallContext, DeadlinePassed, Refused, type UnaryCall } from "../calls/call.ts";
import type { UnaryCalls } from "../calls/rpcs.ts";

/** A call from JSON text to JSON text. */
export type JsonCall = (text: string, context: CallContext) => Promise<string | Refused | DeadlinePassed>;

export function jsonCalls({ runs, workflows, cluster }: UnaryCalls): ReadonlyMap<string, JsonCall> {
  return new Map<string, JsonCall>([
    [Runs.startRun.path, jsonCall("millrace.v1.StartRunRequest", "millrace.v1.StartRunResponse", runs.startRun)],
    [Runs.startRuns.path, jsonCall("millrace.v1.StartRunsRequest", "millrace.v1.StartRunsResponse", runs.startRuns)],
    [Runs.getRun.path, jsonCall("millrace.v1.GetRunRequest", "millrace.v1.GetRunResponse", runs.getRun)],
    [
      Runs.getTimeline.path,
      jsonCall("millrace.v1.GetTimelineRequest", "millrace.v1.GetTimelineResponse", runs.getTimeline),
    ],
    [Runs.listItems.path, jsonCall("millrace.v1.ListItemsRequest", "millrace.v1.ListItemsResponse", runs.listItems)],
    [Runs.listRuns.path, jsonCall("millrace.v1.ListRunsRequest", "millrace.v1.ListRunsResponse", runs.listRuns)],
    [Runs.signalRun.path, jsonCall("millrace.v1.SignalRunRequest", "millrace.v1.SignalRunResponse", runs.signalRun)],
    [Runs.cancelRun.path, jsonCall("millrace.v1.CancelRunRequest", "millrace.v1.CancelRunResponse", runs.cancelRun)],
    [
      Runs.terminateRun.path,
      jsonCall("millrace.v1.TerminateRunRequest", "millrace.v1.TerminateRunResponse", runs.terminateRun),
    ],
    [Runs.pauseRun.path, jsonCall("millrace.v1.PauseRunRequest", "millrace.v1.PauseRunResponse", runs.pauseRun)],
    [Runs.resumeRun.path, jsonCall("millrace.v1.ResumeRunRequest", "millrace.v1.ResumeRunResponse", runs.resumeRun)],
    [Runs.retryRun.path, jsonCall("millrace.v1.RetryRunRequest", "millrace.v1.RetryRunResponse", runs.retryRun)],
    [
      Workflows.registerWorkflow.path,
      jsonCall(
        "millrace.v1.RegisterWorkflowRequest",
        "millrace.v1.RegisterWorkflowResponse",
        workflows.registerWorkflow,
      ),
    ],
    [
      Workflows.validateWorkflow.path,
      jsonCall(
        "millrace.v1.ValidateWorkflowRequest",
        "millrace.v1.ValidateWorkflowResponse",
        workflows.validateWorkflow,
      ),
    ],
    [
      Workflows.getWorkflow.path,
      jsonCall("millrace.v1.GetWorkflowRequest", "millrace.v1.GetWorkflowResponse", workflows.getWorkflow),
    ],
    [
      Workflows.listWorkflows.path,
      jsonCall("millrace.v1.ListWorkflowsRequest", "millrace.v1.ListWorkflowsResponse", workflows.listWorkflows),
    ],
    ...clusterCalls(cluster),
  ]);
}

function clusterCalls(cluster: UnaryCalls["cluster"]): [string, JsonCall][] {
  return [
    [
      Cluster.getCluster.path,
      jsonCall("millrace.v1.GetClusterRequest", "millrace.v1.GetClusterResponse", cluster.getCluster),
    ],
    [
      Cluster.listNodes.path,
      jsonCall("millrace.v1.ListNodesRequest", "millrace.v1.ListNodesResponse", cluster.listNodes),
    ],
    [
      Cluster.listShards.path,
      jsonCall("millrace.v1.ListShardsRequest", "millrace.v1.ListShardsResponse", cluster.listShards),
    ],
    [
      Cluster.drainNode.path,
      jsonCall("millrace.v1.DrainNodeRequest", "millrace.v1.DrainNodeResponse", cluster.drainNode),
    ],
    [
      Cluster.undrainNode.path,
      jsonCall("millrace.v1.UndrainNodeRequest", "millrace.v1.UndrainNodeResponse", cluster.undrainNode),
    ],
    [
      Cluster.snapshotShard.path,
      jsonCall("millrace.v1.SnapshotShardRequest", "millrace.v1.SnapshotShardResponse", cluster.snapshotShard),
    ],
  ];
}

function jsonCall<Request extends MessageName, Response extends MessageName>(
  request: Request,
  response: Response,
  rpc: UnaryCall<Messages[Request], Messages[Response]>,
): JsonCall {
  return async (text, context) => {
    const parsed = fromJson(request, text === "" ? "{}" : text);
    if (parsed.type === "refused") return new Refused(parsed.refusal);
    const outcome = await rpc(parsed.message, context);
    if (outcome instanceof Refused || outcome instanceof DeadlinePassed) return outcome;
    return toJson(response, outcome);
  };
}
