// Written by proto/message-tables.ts from descriptors.binpb. Do not edit.
import type { EnumType, MessageType, MethodType } from "../../../json-type.ts";
import type { ClusterNode, ClusterShard, DrainNodeRequest, DrainNodeResponse, GetClusterRequest, GetClusterResponse, ListNodesRequest, ListNodesResponse, ListShardsRequest, ListShardsResponse, ShardCopy, SnapshotShardRequest, SnapshotShardResponse, UndrainNodeRequest, UndrainNodeResponse } from "./cluster_service.ts";
import type { Failure } from "./failures.ts";
import type { Attempt, CancelRunRequest, CancelRunResponse, ErrorCount, GetRunRequest, GetRunResponse, GetTimelineRequest, GetTimelineResponse, ListItemsRequest, ListItemsResponse, ListRunsRequest, ListRunsResponse, Omitted, PauseRunRequest, PauseRunResponse, ResumeRunRequest, ResumeRunResponse, RetryRunRequest, RetryRunResponse, Run, RunEnd, RunStart, RunStarted, SignalRunRequest, SignalRunResponse, StartError, StartRunRequest, StartRunResponse, StartRunsRequest, StartRunsResponse, SubmitRunsRequest, SubmitRunsResponse, TerminateRunRequest, TerminateRunResponse, TimelineStep, WatchRunRequest, WatchRunResponse } from "./runs.ts";
import type { ConnectRequest, ConnectResponse, Task, TaskHeartbeat, TaskRef, TaskResult, WorkerHello, WorkerWelcome } from "./workers.ts";
import type { GetWorkflowRequest, GetWorkflowResponse, ListWorkflowsRequest, ListWorkflowsResponse, RegisterWorkflowRequest, RegisterWorkflowResponse, ValidateWorkflowRequest, ValidateWorkflowResponse, Workflow, WorkflowProblem } from "./workflows.ts";

export interface Messages {
  "millrace.v1.ClusterNode": ClusterNode;
  "millrace.v1.ShardCopy": ShardCopy;
  "millrace.v1.ClusterShard": ClusterShard;
  "millrace.v1.GetClusterRequest": GetClusterRequest;
  "millrace.v1.GetClusterResponse": GetClusterResponse;
  "millrace.v1.ListNodesRequest": ListNodesRequest;
  "millrace.v1.ListNodesResponse": ListNodesResponse;
  "millrace.v1.ListShardsRequest": ListShardsRequest;
  "millrace.v1.ListShardsResponse": ListShardsResponse;
  "millrace.v1.DrainNodeRequest": DrainNodeRequest;
  "millrace.v1.DrainNodeResponse": DrainNodeResponse;
  "millrace.v1.UndrainNodeRequest": UndrainNodeRequest;
  "millrace.v1.UndrainNodeResponse": UndrainNodeResponse;
  "millrace.v1.SnapshotShardRequest": SnapshotShardRequest;
  "millrace.v1.SnapshotShardResponse": SnapshotShardResponse;
  "millrace.v1.Failure": Failure;
  "millrace.v1.Omitted": Omitted;
  "millrace.v1.Run": Run;
  "millrace.v1.Attempt": Attempt;
  "millrace.v1.ErrorCount": ErrorCount;
  "millrace.v1.TimelineStep": TimelineStep;
  "millrace.v1.StartRunRequest": StartRunRequest;
  "millrace.v1.StartRunResponse": StartRunResponse;
  "millrace.v1.RunEnd": RunEnd;
  "millrace.v1.StartError": StartError;
  "millrace.v1.RunStart": RunStart;
  "millrace.v1.RunStarted": RunStarted;
  "millrace.v1.StartRunsRequest": StartRunsRequest;
  "millrace.v1.StartRunsResponse": StartRunsResponse;
  "millrace.v1.SubmitRunsRequest": SubmitRunsRequest;
  "millrace.v1.SubmitRunsResponse": SubmitRunsResponse;
  "millrace.v1.GetRunRequest": GetRunRequest;
  "millrace.v1.GetRunResponse": GetRunResponse;
  "millrace.v1.GetTimelineRequest": GetTimelineRequest;
  "millrace.v1.GetTimelineResponse": GetTimelineResponse;
  "millrace.v1.ListItemsRequest": ListItemsRequest;
  "millrace.v1.ListItemsResponse": ListItemsResponse;
  "millrace.v1.ListRunsRequest": ListRunsRequest;
  "millrace.v1.ListRunsResponse": ListRunsResponse;
  "millrace.v1.WatchRunRequest": WatchRunRequest;
  "millrace.v1.WatchRunResponse": WatchRunResponse;
  "millrace.v1.SignalRunRequest": SignalRunRequest;
  "millrace.v1.SignalRunResponse": SignalRunResponse;
  "millrace.v1.CancelRunRequest": CancelRunRequest;
  "millrace.v1.CancelRunResponse": CancelRunResponse;
  "millrace.v1.TerminateRunRequest": TerminateRunRequest;
  "millrace.v1.TerminateRunResponse": TerminateRunResponse;
  "millrace.v1.PauseRunRequest": PauseRunRequest;
  "millrace.v1.PauseRunResponse": PauseRunResponse;
  "millrace.v1.ResumeRunRequest": ResumeRunRequest;
  "millrace.v1.ResumeRunResponse": ResumeRunResponse;
  "millrace.v1.RetryRunRequest": RetryRunRequest;
  "millrace.v1.RetryRunResponse": RetryRunResponse;
  "millrace.v1.ConnectRequest": ConnectRequest;
  "millrace.v1.ConnectResponse": ConnectResponse;
  "millrace.v1.WorkerHello": WorkerHello;
  "millrace.v1.WorkerWelcome": WorkerWelcome;
  "millrace.v1.TaskRef": TaskRef;
  "millrace.v1.Task": Task;
  "millrace.v1.TaskResult": TaskResult;
  "millrace.v1.TaskHeartbeat": TaskHeartbeat;
  "millrace.v1.Workflow": Workflow;
  "millrace.v1.WorkflowProblem": WorkflowProblem;
  "millrace.v1.RegisterWorkflowRequest": RegisterWorkflowRequest;
  "millrace.v1.RegisterWorkflowResponse": RegisterWorkflowResponse;
  "millrace.v1.ValidateWorkflowRequest": ValidateWorkflowRequest;
  "millrace.v1.ValidateWorkflowResponse": ValidateWorkflowResponse;
  "millrace.v1.GetWorkflowRequest": GetWorkflowRequest;
  "millrace.v1.GetWorkflowResponse": GetWorkflowResponse;
  "millrace.v1.ListWorkflowsRequest": ListWorkflowsRequest;
  "millrace.v1.ListWorkflowsResponse": ListWorkflowsResponse;
}

export const ENUMS: Readonly<Record<string, EnumType>> = {
  "millrace.v1.NodeRole": { prefix: "NODE_ROLE_", values: { NODE_ROLE_UNSPECIFIED: 0, NODE_ROLE_NODE: 1, NODE_ROLE_GATEWAY: 2, NODE_ROLE_CONNECTORS: 3 } },
  "millrace.v1.NodeHealth": { prefix: "NODE_HEALTH_", values: { NODE_HEALTH_UNSPECIFIED: 0, NODE_HEALTH_LIVE: 1, NODE_HEALTH_LEAVING: 2, NODE_HEALTH_WEDGED: 3, NODE_HEALTH_SILENT: 4, NODE_HEALTH_GONE: 5 } },
  "millrace.v1.CopyState": { prefix: "COPY_STATE_", values: { COPY_STATE_UNSPECIFIED: 0, COPY_STATE_OPENING: 1, COPY_STATE_READY: 2, COPY_STATE_FAILED: 3, COPY_STATE_CLOSING: 4 } },
  "millrace.v1.FailureClass": { prefix: "FAILURE_CLASS_", values: { FAILURE_CLASS_UNSPECIFIED: 0, FAILURE_CLASS_TRANSIENT: 1, FAILURE_CLASS_PERMANENT: 2, FAILURE_CLASS_UNCERTAIN: 3 } },
  "millrace.v1.RunStatus": { prefix: "RUN_STATUS_", values: { RUN_STATUS_UNSPECIFIED: 0, RUN_STATUS_RUNNING: 1, RUN_STATUS_PAUSED: 2, RUN_STATUS_CANCELLING: 3, RUN_STATUS_COMPLETED: 4, RUN_STATUS_FAILED: 5, RUN_STATUS_CANCELLED: 6, RUN_STATUS_TIMED_OUT: 7, RUN_STATUS_TERMINATED: 8 } },
  "millrace.v1.StepStatus": { prefix: "STEP_STATUS_", values: { STEP_STATUS_UNSPECIFIED: 0, STEP_STATUS_PENDING: 1, STEP_STATUS_QUEUED: 2, STEP_STATUS_RUNNING: 3, STEP_STATUS_RETRYING: 4, STEP_STATUS_SLEEPING: 5, STEP_STATUS_WAITING: 6, STEP_STATUS_COMPLETED: 7, STEP_STATUS_FAILED: 8, STEP_STATUS_SKIPPED: 9, STEP_STATUS_ABANDONED: 10 } },
  "millrace.v1.SubmitAnswers": { prefix: "SUBMIT_ANSWERS_", values: { SUBMIT_ANSWERS_UNSPECIFIED: 0, SUBMIT_ANSWERS_STARTS: 1, SUBMIT_ANSWERS_ENDS: 2, SUBMIT_ANSWERS_STARTS_AND_ENDS: 3 } },
};

export const MESSAGES: Readonly<Record<keyof Messages, MessageType>> = {
  "millrace.v1.ClusterNode": [
    { name: "processId", protoName: "process_id", kind: "string", repeated: false, oneof: "" },
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "roles", protoName: "roles", kind: "enum", of: "millrace.v1.NodeRole", repeated: true, oneof: "" },
    { name: "health", protoName: "health", kind: "enum", of: "millrace.v1.NodeHealth", repeated: false, oneof: "" },
    { name: "protocolMin", protoName: "protocol_min", kind: "uint32", repeated: false, oneof: "" },
    { name: "protocolMax", protoName: "protocol_max", kind: "uint32", repeated: false, oneof: "" },
    { name: "clockAheadMs", protoName: "clock_ahead_ms", kind: "int32", repeated: false, oneof: "" },
    { name: "load", protoName: "load", kind: "uint32", repeated: false, oneof: "" },
    { name: "draining", protoName: "draining", kind: "bool", repeated: false, oneof: "" },
    { name: "ownedShards", protoName: "owned_shards", kind: "uint32", repeated: false, oneof: "" },
    { name: "standbyShards", protoName: "standby_shards", kind: "uint32", repeated: false, oneof: "" },
    { name: "wantedShards", protoName: "wanted_shards", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.ShardCopy": [
    { name: "processId", protoName: "process_id", kind: "string", repeated: false, oneof: "" },
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "health", protoName: "health", kind: "enum", of: "millrace.v1.NodeHealth", repeated: false, oneof: "" },
    { name: "state", protoName: "state", kind: "enum", of: "millrace.v1.CopyState", repeated: false, oneof: "" },
    { name: "term", protoName: "term", kind: "uint32", repeated: false, oneof: "" },
    { name: "position", protoName: "position", kind: "uint64", repeated: false, oneof: "" },
    { name: "lag", protoName: "lag", kind: "uint64", repeated: false, oneof: "" },
    { name: "failures", protoName: "failures", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.ClusterShard": [
    { name: "shardId", protoName: "shard_id", kind: "uint32", repeated: false, oneof: "" },
    { name: "slotsFrom", protoName: "slots_from", kind: "uint32", repeated: false, oneof: "" },
    { name: "slotsUntil", protoName: "slots_until", kind: "uint32", repeated: false, oneof: "" },
    { name: "generation", protoName: "generation", kind: "uint32", repeated: false, oneof: "" },
    { name: "stream", protoName: "stream", kind: "uint32", repeated: false, oneof: "" },
    { name: "owner", protoName: "owner", kind: "message", of: "millrace.v1.ShardCopy", repeated: false, oneof: "" },
    { name: "standby", protoName: "standby", kind: "message", of: "millrace.v1.ShardCopy", repeated: false, oneof: "" },
  ],
  "millrace.v1.GetClusterRequest": [],
  "millrace.v1.GetClusterResponse": [
    { name: "clustered", protoName: "clustered", kind: "bool", repeated: false, oneof: "" },
    { name: "processId", protoName: "process_id", kind: "string", repeated: false, oneof: "" },
    { name: "coordinator", protoName: "coordinator", kind: "string", repeated: false, oneof: "" },
    { name: "mapVersion", protoName: "map_version", kind: "uint64", repeated: false, oneof: "" },
    { name: "protocolLevel", protoName: "protocol_level", kind: "uint32", repeated: false, oneof: "" },
    { name: "draining", protoName: "draining", kind: "string", repeated: true, oneof: "" },
  ],
  "millrace.v1.ListNodesRequest": [],
  "millrace.v1.ListNodesResponse": [
    { name: "nodes", protoName: "nodes", kind: "message", of: "millrace.v1.ClusterNode", repeated: true, oneof: "" },
  ],
  "millrace.v1.ListShardsRequest": [],
  "millrace.v1.ListShardsResponse": [
    { name: "shards", protoName: "shards", kind: "message", of: "millrace.v1.ClusterShard", repeated: true, oneof: "" },
  ],
  "millrace.v1.DrainNodeRequest": [
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.DrainNodeResponse": [],
  "millrace.v1.UndrainNodeRequest": [
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.UndrainNodeResponse": [],
  "millrace.v1.SnapshotShardRequest": [
    { name: "shardId", protoName: "shard_id", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.SnapshotShardResponse": [
    { name: "position", protoName: "position", kind: "uint64", repeated: false, oneof: "" },
    { name: "processId", protoName: "process_id", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.Failure": [
    { name: "code", protoName: "code", kind: "string", repeated: false, oneof: "" },
    { name: "class", protoName: "class", kind: "enum", of: "millrace.v1.FailureClass", repeated: false, oneof: "" },
    { name: "message", protoName: "message", kind: "string", repeated: false, oneof: "" },
    { name: "guidance", protoName: "guidance", kind: "string", repeated: false, oneof: "" },
    { name: "retryAfterMs", protoName: "retry_after_ms", kind: "uint64", repeated: false, oneof: "" },
  ],
  "millrace.v1.Omitted": [
    { name: "inputBytes", protoName: "input_bytes", kind: "uint64", repeated: false, oneof: "" },
    { name: "outputBytes", protoName: "output_bytes", kind: "uint64", repeated: false, oneof: "" },
    { name: "logsBytes", protoName: "logs_bytes", kind: "uint64", repeated: false, oneof: "" },
    { name: "progressBytes", protoName: "progress_bytes", kind: "uint64", repeated: false, oneof: "" },
    { name: "failedAttempts", protoName: "failed_attempts", kind: "uint32", repeated: false, oneof: "" },
    { name: "failureTexts", protoName: "failure_texts", kind: "bool", repeated: false, oneof: "" },
    { name: "items", protoName: "items", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.Run": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "workflow", protoName: "workflow", kind: "string", repeated: false, oneof: "" },
    { name: "version", protoName: "version", kind: "uint32", repeated: false, oneof: "" },
    { name: "status", protoName: "status", kind: "enum", of: "millrace.v1.RunStatus", repeated: false, oneof: "" },
    { name: "epoch", protoName: "epoch", kind: "uint32", repeated: false, oneof: "" },
    { name: "tenant", protoName: "tenant", kind: "string", repeated: false, oneof: "" },
    { name: "startTime", protoName: "start_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "endTime", protoName: "end_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "input", protoName: "input", kind: "payload", repeated: false, oneof: "" },
    { name: "output", protoName: "output", kind: "payload", repeated: false, oneof: "" },
    { name: "failure", protoName: "failure", kind: "message", of: "millrace.v1.Failure", repeated: false, oneof: "" },
    { name: "failedStep", protoName: "failed_step", kind: "string", repeated: false, oneof: "" },
    { name: "reason", protoName: "reason", kind: "string", repeated: false, oneof: "" },
    { name: "retryingSteps", protoName: "retrying_steps", kind: "uint32", repeated: false, oneof: "" },
    { name: "nextAttemptTime", protoName: "next_attempt_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "idempotencyKey", protoName: "idempotency_key", kind: "string", repeated: false, oneof: "" },
    { name: "stepsTotal", protoName: "steps_total", kind: "uint32", repeated: false, oneof: "" },
    { name: "stepsSettled", protoName: "steps_settled", kind: "uint32", repeated: false, oneof: "" },
    { name: "omitted", protoName: "omitted", kind: "message", of: "millrace.v1.Omitted", repeated: false, oneof: "" },
  ],
  "millrace.v1.Attempt": [
    { name: "attempt", protoName: "attempt", kind: "uint32", repeated: false, oneof: "" },
    { name: "scheduleTime", protoName: "schedule_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "startTime", protoName: "start_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "endTime", protoName: "end_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "worker", protoName: "worker", kind: "string", repeated: false, oneof: "" },
    { name: "failure", protoName: "failure", kind: "message", of: "millrace.v1.Failure", repeated: false, oneof: "" },
    { name: "logs", protoName: "logs", kind: "payload", repeated: false, oneof: "" },
    { name: "omitted", protoName: "omitted", kind: "message", of: "millrace.v1.Omitted", repeated: false, oneof: "" },
  ],
  "millrace.v1.ErrorCount": [
    { name: "code", protoName: "code", kind: "string", repeated: false, oneof: "" },
    { name: "message", protoName: "message", kind: "string", repeated: false, oneof: "" },
    { name: "count", protoName: "count", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.TimelineStep": [
    { name: "step", protoName: "step", kind: "string", repeated: false, oneof: "" },
    { name: "item", protoName: "item", kind: "uint32", repeated: false, oneof: "" },
    { name: "uses", protoName: "uses", kind: "string", repeated: false, oneof: "" },
    { name: "status", protoName: "status", kind: "enum", of: "millrace.v1.StepStatus", repeated: false, oneof: "" },
    { name: "scheduleTime", protoName: "schedule_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "startTime", protoName: "start_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "endTime", protoName: "end_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "queueMs", protoName: "queue_ms", kind: "uint64", repeated: false, oneof: "" },
    { name: "runMs", protoName: "run_ms", kind: "uint64", repeated: false, oneof: "" },
    { name: "worker", protoName: "worker", kind: "string", repeated: false, oneof: "" },
    { name: "attempts", protoName: "attempts", kind: "uint32", repeated: false, oneof: "" },
    { name: "maxAttempts", protoName: "max_attempts", kind: "uint32", repeated: false, oneof: "" },
    { name: "input", protoName: "input", kind: "payload", repeated: false, oneof: "" },
    { name: "output", protoName: "output", kind: "payload", repeated: false, oneof: "" },
    { name: "failure", protoName: "failure", kind: "message", of: "millrace.v1.Failure", repeated: false, oneof: "" },
    { name: "failedAttempts", protoName: "failed_attempts", kind: "message", of: "millrace.v1.Attempt", repeated: true, oneof: "" },
    { name: "errors", protoName: "errors", kind: "message", of: "millrace.v1.ErrorCount", repeated: true, oneof: "" },
    { name: "dueTime", protoName: "due_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "logs", protoName: "logs", kind: "payload", repeated: false, oneof: "" },
    { name: "progress", protoName: "progress", kind: "payload", repeated: false, oneof: "" },
    { name: "itemsTotal", protoName: "items_total", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsCompleted", protoName: "items_completed", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsFailed", protoName: "items_failed", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsRetrying", protoName: "items_retrying", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsRunning", protoName: "items_running", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsQueued", protoName: "items_queued", kind: "uint32", repeated: false, oneof: "" },
    { name: "itemsAbandoned", protoName: "items_abandoned", kind: "uint32", repeated: false, oneof: "" },
    { name: "omitted", protoName: "omitted", kind: "message", of: "millrace.v1.Omitted", repeated: false, oneof: "" },
  ],
  "millrace.v1.StartRunRequest": [
    { name: "workflow", protoName: "workflow", kind: "string", repeated: false, oneof: "" },
    { name: "input", protoName: "input", kind: "payload", repeated: false, oneof: "" },
    { name: "idempotencyKey", protoName: "idempotency_key", kind: "string", repeated: false, oneof: "" },
    { name: "version", protoName: "version", kind: "uint32", repeated: false, oneof: "" },
    { name: "wait", protoName: "wait", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.StartRunResponse": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "repeatedStart", protoName: "repeated_start", kind: "bool", repeated: false, oneof: "" },
    { name: "end", protoName: "end", kind: "message", of: "millrace.v1.RunEnd", repeated: false, oneof: "" },
  ],
  "millrace.v1.RunEnd": [
    { name: "ref", protoName: "ref", kind: "uint64", repeated: false, oneof: "" },
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "status", protoName: "status", kind: "enum", of: "millrace.v1.RunStatus", repeated: false, oneof: "" },
    { name: "output", protoName: "output", kind: "payload", repeated: false, oneof: "" },
    { name: "failure", protoName: "failure", kind: "message", of: "millrace.v1.Failure", repeated: false, oneof: "" },
    { name: "failedStep", protoName: "failed_step", kind: "string", repeated: false, oneof: "" },
    { name: "endTimeMs", protoName: "end_time_ms", kind: "uint64", repeated: false, oneof: "" },
  ],
  "millrace.v1.StartError": [
    { name: "code", protoName: "code", kind: "int32", repeated: false, oneof: "" },
    { name: "reason", protoName: "reason", kind: "string", repeated: false, oneof: "" },
    { name: "message", protoName: "message", kind: "string", repeated: false, oneof: "" },
    { name: "retryDelayMs", protoName: "retry_delay_ms", kind: "uint64", repeated: false, oneof: "" },
  ],
  "millrace.v1.RunStart": [
    { name: "ref", protoName: "ref", kind: "uint64", repeated: false, oneof: "" },
    { name: "workflow", protoName: "workflow", kind: "string", repeated: false, oneof: "" },
    { name: "input", protoName: "input", kind: "payload", repeated: false, oneof: "" },
    { name: "idempotencyKey", protoName: "idempotency_key", kind: "string", repeated: false, oneof: "" },
    { name: "version", protoName: "version", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.RunStarted": [
    { name: "ref", protoName: "ref", kind: "uint64", repeated: false, oneof: "" },
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "repeatedStart", protoName: "repeated_start", kind: "bool", repeated: false, oneof: "" },
    { name: "error", protoName: "error", kind: "message", of: "millrace.v1.StartError", repeated: false, oneof: "" },
  ],
  "millrace.v1.StartRunsRequest": [
    { name: "runs", protoName: "runs", kind: "message", of: "millrace.v1.RunStart", repeated: true, oneof: "" },
  ],
  "millrace.v1.StartRunsResponse": [
    { name: "runs", protoName: "runs", kind: "message", of: "millrace.v1.RunStarted", repeated: true, oneof: "" },
  ],
  "millrace.v1.SubmitRunsRequest": [
    { name: "runs", protoName: "runs", kind: "message", of: "millrace.v1.RunStart", repeated: true, oneof: "" },
    { name: "answers", protoName: "answers", kind: "enum", of: "millrace.v1.SubmitAnswers", repeated: false, oneof: "" },
  ],
  "millrace.v1.SubmitRunsResponse": [
    { name: "started", protoName: "started", kind: "message", of: "millrace.v1.RunStarted", repeated: true, oneof: "" },
    { name: "ended", protoName: "ended", kind: "message", of: "millrace.v1.RunEnd", repeated: true, oneof: "" },
  ],
  "millrace.v1.GetRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.GetRunResponse": [
    { name: "run", protoName: "run", kind: "message", of: "millrace.v1.Run", repeated: false, oneof: "" },
  ],
  "millrace.v1.GetTimelineRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "brief", protoName: "brief", kind: "bool", repeated: false, oneof: "" },
    { name: "step", protoName: "step", kind: "string", repeated: false, oneof: "" },
    { name: "item", protoName: "item", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.GetTimelineResponse": [
    { name: "run", protoName: "run", kind: "message", of: "millrace.v1.Run", repeated: false, oneof: "" },
    { name: "steps", protoName: "steps", kind: "message", of: "millrace.v1.TimelineStep", repeated: true, oneof: "" },
  ],
  "millrace.v1.ListItemsRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "step", protoName: "step", kind: "string", repeated: false, oneof: "" },
    { name: "statuses", protoName: "statuses", kind: "enum", of: "millrace.v1.StepStatus", repeated: true, oneof: "" },
    { name: "brief", protoName: "brief", kind: "bool", repeated: false, oneof: "" },
    { name: "pageSize", protoName: "page_size", kind: "uint32", repeated: false, oneof: "" },
    { name: "pageToken", protoName: "page_token", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ListItemsResponse": [
    { name: "items", protoName: "items", kind: "message", of: "millrace.v1.TimelineStep", repeated: true, oneof: "" },
    { name: "nextPageToken", protoName: "next_page_token", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ListRunsRequest": [
    { name: "workflow", protoName: "workflow", kind: "string", repeated: false, oneof: "" },
    { name: "status", protoName: "status", kind: "enum", of: "millrace.v1.RunStatus", repeated: false, oneof: "" },
    { name: "startTimeFrom", protoName: "start_time_from", kind: "timestamp", repeated: false, oneof: "" },
    { name: "startTimeUntil", protoName: "start_time_until", kind: "timestamp", repeated: false, oneof: "" },
    { name: "pageSize", protoName: "page_size", kind: "uint32", repeated: false, oneof: "" },
    { name: "pageToken", protoName: "page_token", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ListRunsResponse": [
    { name: "runs", protoName: "runs", kind: "message", of: "millrace.v1.Run", repeated: true, oneof: "" },
    { name: "nextPageToken", protoName: "next_page_token", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.WatchRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "timeline", protoName: "timeline", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.WatchRunResponse": [
    { name: "run", protoName: "run", kind: "message", of: "millrace.v1.Run", repeated: false, oneof: "" },
    { name: "steps", protoName: "steps", kind: "message", of: "millrace.v1.TimelineStep", repeated: true, oneof: "" },
  ],
  "millrace.v1.SignalRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "payload", protoName: "payload", kind: "payload", repeated: false, oneof: "" },
    { name: "requestId", protoName: "request_id", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.SignalRunResponse": [
    { name: "repeatedSignal", protoName: "repeated_signal", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.CancelRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "reason", protoName: "reason", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.CancelRunResponse": [],
  "millrace.v1.TerminateRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "reason", protoName: "reason", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.TerminateRunResponse": [],
  "millrace.v1.PauseRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "reason", protoName: "reason", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.PauseRunResponse": [],
  "millrace.v1.ResumeRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ResumeRunResponse": [],
  "millrace.v1.RetryRunRequest": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "requestId", protoName: "request_id", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.RetryRunResponse": [
    { name: "epoch", protoName: "epoch", kind: "uint32", repeated: false, oneof: "" },
    { name: "repeatedRetry", protoName: "repeated_retry", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.ConnectRequest": [
    { name: "hello", protoName: "hello", kind: "message", of: "millrace.v1.WorkerHello", repeated: false, oneof: "" },
    { name: "credits", protoName: "credits", kind: "uint32", repeated: false, oneof: "" },
    { name: "results", protoName: "results", kind: "message", of: "millrace.v1.TaskResult", repeated: true, oneof: "" },
    { name: "frame", protoName: "frame", kind: "uint64", repeated: false, oneof: "" },
    { name: "heartbeats", protoName: "heartbeats", kind: "message", of: "millrace.v1.TaskHeartbeat", repeated: true, oneof: "" },
    { name: "draining", protoName: "draining", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.ConnectResponse": [
    { name: "welcome", protoName: "welcome", kind: "message", of: "millrace.v1.WorkerWelcome", repeated: false, oneof: "" },
    { name: "tasks", protoName: "tasks", kind: "message", of: "millrace.v1.Task", repeated: true, oneof: "" },
    { name: "cancels", protoName: "cancels", kind: "message", of: "millrace.v1.TaskRef", repeated: true, oneof: "" },
    { name: "settled", protoName: "settled", kind: "uint64", repeated: true, oneof: "" },
    { name: "draining", protoName: "draining", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.WorkerHello": [
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "build", protoName: "build", kind: "string", repeated: false, oneof: "" },
    { name: "taskTypes", protoName: "task_types", kind: "string", repeated: true, oneof: "" },
    { name: "holding", protoName: "holding", kind: "message", of: "millrace.v1.TaskRef", repeated: true, oneof: "" },
  ],
  "millrace.v1.WorkerWelcome": [
    { name: "session", protoName: "session", kind: "string", repeated: false, oneof: "" },
    { name: "heartbeatIntervalMs", protoName: "heartbeat_interval_ms", kind: "uint32", repeated: false, oneof: "" },
    { name: "payloadBytesMax", protoName: "payload_bytes_max", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.TaskRef": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "epoch", protoName: "epoch", kind: "uint32", repeated: false, oneof: "" },
    { name: "step", protoName: "step", kind: "uint32", repeated: false, oneof: "" },
    { name: "item", protoName: "item", kind: "uint32", repeated: false, oneof: "" },
    { name: "attempt", protoName: "attempt", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.Task": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "epoch", protoName: "epoch", kind: "uint32", repeated: false, oneof: "" },
    { name: "step", protoName: "step", kind: "uint32", repeated: false, oneof: "" },
    { name: "item", protoName: "item", kind: "uint32", repeated: false, oneof: "" },
    { name: "attempt", protoName: "attempt", kind: "uint32", repeated: false, oneof: "" },
    { name: "taskType", protoName: "task_type", kind: "string", repeated: false, oneof: "" },
    { name: "input", protoName: "input", kind: "payload", repeated: false, oneof: "" },
    { name: "idempotencyKey", protoName: "idempotency_key", kind: "string", repeated: false, oneof: "" },
    { name: "timeoutMs", protoName: "timeout_ms", kind: "uint64", repeated: false, oneof: "" },
    { name: "stepName", protoName: "step_name", kind: "string", repeated: false, oneof: "" },
    { name: "workflow", protoName: "workflow", kind: "string", repeated: false, oneof: "" },
    { name: "tenant", protoName: "tenant", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.TaskResult": [
    { name: "runId", protoName: "run_id", kind: "string", repeated: false, oneof: "" },
    { name: "epoch", protoName: "epoch", kind: "uint32", repeated: false, oneof: "" },
    { name: "step", protoName: "step", kind: "uint32", repeated: false, oneof: "" },
    { name: "item", protoName: "item", kind: "uint32", repeated: false, oneof: "" },
    { name: "attempt", protoName: "attempt", kind: "uint32", repeated: false, oneof: "" },
    { name: "output", protoName: "output", kind: "payload", repeated: false, oneof: "outcome" },
    { name: "failure", protoName: "failure", kind: "message", of: "millrace.v1.Failure", repeated: false, oneof: "outcome" },
    { name: "cancelled", protoName: "cancelled", kind: "bool", repeated: false, oneof: "outcome" },
    { name: "logs", protoName: "logs", kind: "payload", repeated: false, oneof: "" },
  ],
  "millrace.v1.TaskHeartbeat": [
    { name: "task", protoName: "task", kind: "message", of: "millrace.v1.TaskRef", repeated: false, oneof: "" },
    { name: "progress", protoName: "progress", kind: "payload", repeated: false, oneof: "" },
  ],
  "millrace.v1.Workflow": [
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "version", protoName: "version", kind: "uint32", repeated: false, oneof: "" },
    { name: "source", protoName: "source", kind: "string", repeated: false, oneof: "" },
    { name: "registerTime", protoName: "register_time", kind: "timestamp", repeated: false, oneof: "" },
    { name: "steps", protoName: "steps", kind: "string", repeated: true, oneof: "" },
    { name: "webhookPaths", protoName: "webhook_paths", kind: "string", repeated: true, oneof: "" },
  ],
  "millrace.v1.WorkflowProblem": [
    { name: "field", protoName: "field", kind: "string", repeated: false, oneof: "" },
    { name: "message", protoName: "message", kind: "string", repeated: false, oneof: "" },
    { name: "fix", protoName: "fix", kind: "string", repeated: false, oneof: "" },
    { name: "line", protoName: "line", kind: "uint32", repeated: false, oneof: "" },
    { name: "column", protoName: "column", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.RegisterWorkflowRequest": [
    { name: "source", protoName: "source", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.RegisterWorkflowResponse": [
    { name: "workflow", protoName: "workflow", kind: "message", of: "millrace.v1.Workflow", repeated: false, oneof: "" },
    { name: "created", protoName: "created", kind: "bool", repeated: false, oneof: "" },
  ],
  "millrace.v1.ValidateWorkflowRequest": [
    { name: "source", protoName: "source", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ValidateWorkflowResponse": [
    { name: "problems", protoName: "problems", kind: "message", of: "millrace.v1.WorkflowProblem", repeated: true, oneof: "" },
  ],
  "millrace.v1.GetWorkflowRequest": [
    { name: "name", protoName: "name", kind: "string", repeated: false, oneof: "" },
    { name: "version", protoName: "version", kind: "uint32", repeated: false, oneof: "" },
  ],
  "millrace.v1.GetWorkflowResponse": [
    { name: "workflow", protoName: "workflow", kind: "message", of: "millrace.v1.Workflow", repeated: false, oneof: "" },
  ],
  "millrace.v1.ListWorkflowsRequest": [
    { name: "pageSize", protoName: "page_size", kind: "uint32", repeated: false, oneof: "" },
    { name: "pageToken", protoName: "page_token", kind: "string", repeated: false, oneof: "" },
  ],
  "millrace.v1.ListWorkflowsResponse": [
    { name: "workflows", protoName: "workflows", kind: "message", of: "millrace.v1.Workflow", repeated: true, oneof: "" },
    { name: "nextPageToken", protoName: "next_page_token", kind: "string", repeated: false, oneof: "" },
  ],
};

export const METHODS: Readonly<Record<string, MethodType>> = {
  "/millrace.v1.ClusterService/GetCluster": { request: "millrace.v1.GetClusterRequest", response: "millrace.v1.GetClusterResponse" },
  "/millrace.v1.ClusterService/ListNodes": { request: "millrace.v1.ListNodesRequest", response: "millrace.v1.ListNodesResponse" },
  "/millrace.v1.ClusterService/ListShards": { request: "millrace.v1.ListShardsRequest", response: "millrace.v1.ListShardsResponse" },
  "/millrace.v1.ClusterService/DrainNode": { request: "millrace.v1.DrainNodeRequest", response: "millrace.v1.DrainNodeResponse" },
  "/millrace.v1.ClusterService/UndrainNode": { request: "millrace.v1.UndrainNodeRequest", response: "millrace.v1.UndrainNodeResponse" },
  "/millrace.v1.ClusterService/SnapshotShard": { request: "millrace.v1.SnapshotShardRequest", response: "millrace.v1.SnapshotShardResponse" },
  "/millrace.v1.RunService/StartRun": { request: "millrace.v1.StartRunRequest", response: "millrace.v1.StartRunResponse" },
  "/millrace.v1.RunService/StartRuns": { request: "millrace.v1.StartRunsRequest", response: "millrace.v1.StartRunsResponse" },
  "/millrace.v1.RunService/SubmitRuns": { request: "millrace.v1.SubmitRunsRequest", response: "millrace.v1.SubmitRunsResponse" },
  "/millrace.v1.RunService/GetRun": { request: "millrace.v1.GetRunRequest", response: "millrace.v1.GetRunResponse" },
  "/millrace.v1.RunService/GetTimeline": { request: "millrace.v1.GetTimelineRequest", response: "millrace.v1.GetTimelineResponse" },
  "/millrace.v1.RunService/ListItems": { request: "millrace.v1.ListItemsRequest", response: "millrace.v1.ListItemsResponse" },
  "/millrace.v1.RunService/ListRuns": { request: "millrace.v1.ListRunsRequest", response: "millrace.v1.ListRunsResponse" },
  "/millrace.v1.RunService/WatchRun": { request: "millrace.v1.WatchRunRequest", response: "millrace.v1.WatchRunResponse" },
  "/millrace.v1.RunService/SignalRun": { request: "millrace.v1.SignalRunRequest", response: "millrace.v1.SignalRunResponse" },
  "/millrace.v1.RunService/CancelRun": { request: "millrace.v1.CancelRunRequest", response: "millrace.v1.CancelRunResponse" },
  "/millrace.v1.RunService/TerminateRun": { request: "millrace.v1.TerminateRunRequest", response: "millrace.v1.TerminateRunResponse" },
  "/millrace.v1.RunService/PauseRun": { request: "millrace.v1.PauseRunRequest", response: "millrace.v1.PauseRunResponse" },
  "/millrace.v1.RunService/ResumeRun": { request: "millrace.v1.ResumeRunRequest", response: "millrace.v1.ResumeRunResponse" },
  "/millrace.v1.RunService/RetryRun": { request: "millrace.v1.RetryRunRequest", response: "millrace.v1.RetryRunResponse" },
  "/millrace.v1.WorkerService/Connect": { request: "millrace.v1.ConnectRequest", response: "millrace.v1.ConnectResponse" },
  "/millrace.v1.WorkflowService/RegisterWorkflow": { request: "millrace.v1.RegisterWorkflowRequest", response: "millrace.v1.RegisterWorkflowResponse" },
  "/millrace.v1.WorkflowService/ValidateWorkflow": { request: "millrace.v1.ValidateWorkflowRequest", response: "millrace.v1.ValidateWorkflowResponse" },
  "/millrace.v1.WorkflowService/GetWorkflow": { request: "millrace.v1.GetWorkflowRequest", response: "millrace.v1.GetWorkflowResponse" },
  "/millrace.v1.WorkflowService/ListWorkflows": { request: "millrace.v1.ListWorkflowsRequest", response: "millrace.v1.ListWorkflowsResponse" },
};
