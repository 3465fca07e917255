// Written by proto/message-tables.ts from descriptors.binpb. Do not edit.
import type { MethodCodecs } from "../../../wire/fast-methods.ts";
import { DrainNodeRequest, DrainNodeResponse, GetClusterRequest, GetClusterResponse, ListNodesRequest, ListNodesResponse, ListShardsRequest, ListShardsResponse, SnapshotShardRequest, SnapshotShardResponse, UndrainNodeRequest, UndrainNodeResponse } from "./cluster_service.ts";
import { CancelRunRequest, CancelRunResponse, GetRunRequest, GetRunResponse, GetTimelineRequest, GetTimelineResponse, ListItemsRequest, ListItemsResponse, ListRunsRequest, ListRunsResponse, PauseRunRequest, PauseRunResponse, ResumeRunRequest, ResumeRunResponse, RetryRunRequest, RetryRunResponse, SignalRunRequest, SignalRunResponse, StartRunRequest, StartRunResponse, StartRunsRequest, StartRunsResponse, SubmitRunsRequest, SubmitRunsResponse, TerminateRunRequest, TerminateRunResponse, WatchRunRequest, WatchRunResponse } from "./runs.ts";
import { ConnectRequest, ConnectResponse } from "./workers.ts";
import { GetWorkflowRequest, GetWorkflowResponse, ListWorkflowsRequest, ListWorkflowsResponse, RegisterWorkflowRequest, RegisterWorkflowResponse, ValidateWorkflowRequest, ValidateWorkflowResponse } from "./workflows.ts";

export const METHOD_CODECS: Readonly<Record<string, MethodCodecs>> = {
  "/millrace.v1.ClusterService/GetCluster": { request: GetClusterRequest, response: GetClusterResponse },
  "/millrace.v1.ClusterService/ListNodes": { request: ListNodesRequest, response: ListNodesResponse },
  "/millrace.v1.ClusterService/ListShards": { request: ListShardsRequest, response: ListShardsResponse },
  "/millrace.v1.ClusterService/DrainNode": { request: DrainNodeRequest, response: DrainNodeResponse },
  "/millrace.v1.ClusterService/UndrainNode": { request: UndrainNodeRequest, response: UndrainNodeResponse },
  "/millrace.v1.ClusterService/SnapshotShard": { request: SnapshotShardRequest, response: SnapshotShardResponse },
  "/millrace.v1.RunService/StartRun": { request: StartRunRequest, response: StartRunResponse },
  "/millrace.v1.RunService/StartRuns": { request: StartRunsRequest, response: StartRunsResponse },
  "/millrace.v1.RunService/SubmitRuns": { request: SubmitRunsRequest, response: SubmitRunsResponse },
  "/millrace.v1.RunService/GetRun": { request: GetRunRequest, response: GetRunResponse },
  "/millrace.v1.RunService/GetTimeline": { request: GetTimelineRequest, response: GetTimelineResponse },
  "/millrace.v1.RunService/ListItems": { request: ListItemsRequest, response: ListItemsResponse },
  "/millrace.v1.RunService/ListRuns": { request: ListRunsRequest, response: ListRunsResponse },
  "/millrace.v1.RunService/WatchRun": { request: WatchRunRequest, response: WatchRunResponse },
  "/millrace.v1.RunService/SignalRun": { request: SignalRunRequest, response: SignalRunResponse },
  "/millrace.v1.RunService/CancelRun": { request: CancelRunRequest, response: CancelRunResponse },
  "/millrace.v1.RunService/TerminateRun": { request: TerminateRunRequest, response: TerminateRunResponse },
  "/millrace.v1.RunService/PauseRun": { request: PauseRunRequest, response: PauseRunResponse },
  "/millrace.v1.RunService/ResumeRun": { request: ResumeRunRequest, response: ResumeRunResponse },
  "/millrace.v1.RunService/RetryRun": { request: RetryRunRequest, response: RetryRunResponse },
  "/millrace.v1.WorkerService/Connect": { request: ConnectRequest, response: ConnectResponse },
  "/millrace.v1.WorkflowService/RegisterWorkflow": { request: RegisterWorkflowRequest, response: RegisterWorkflowResponse },
  "/millrace.v1.WorkflowService/ValidateWorkflow": { request: ValidateWorkflowRequest, response: ValidateWorkflowResponse },
  "/millrace.v1.WorkflowService/GetWorkflow": { request: GetWorkflowRequest, response: GetWorkflowResponse },
  "/millrace.v1.WorkflowService/ListWorkflows": { request: ListWorkflowsRequest, response: ListWorkflowsResponse },
};
