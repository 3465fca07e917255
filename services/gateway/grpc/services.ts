// The services of millrace.v1 for the gRPC server.
import type { TenantId } from "@millrace/model/ids.ts";
import {
  type ClusterServiceServer,
  ClusterServiceService,
} from "@millrace/rpc/generated/millrace/v1/cluster_service.ts";
import { type RunServiceServer, RunServiceService } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type WorkerServiceServer, WorkerServiceService } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { type WorkflowServiceServer, WorkflowServiceService } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import type { RpcService } from "@millrace/rpc/server.ts";
import { Refused } from "../calls/call.ts";
import type { UnaryCalls } from "../calls/rpcs.ts";
import type { ReadPorts } from "../runs/read-runs.ts";
import { SubmitStream } from "../runs/submit-stream.ts";
import { watchRun } from "../runs/watch-run.ts";
import { WorkerConnection } from "../tasks/connect-worker.ts";
import { StoringRoom } from "../tasks/storing-frames.ts";
import type { TaskHub } from "../tasks/task-hub.ts";
import { contextOf } from "./call-context.ts";
import { type CallWatch, errorOf, serveDuplex, streamHandler, unaryHandler } from "./handlers.ts";

/** What the services are made over. */
export interface ServicePorts extends ReadPorts {
  readonly hub: TaskHub;
}

export function grpcServices(ports: ServicePorts, calls: UnaryCalls, watch: CallWatch): RpcService[] {
  return [
    { definition: RunServiceService, implementation: runService(ports, calls.runs, watch) },
    { definition: WorkflowServiceService, implementation: workflowService(calls.workflows, watch) },
    { definition: ClusterServiceService, implementation: clusterService(calls.cluster, watch) },
    { definition: WorkerServiceService, implementation: workerService(ports, watch) },
  ];
}

function runService(ports: ServicePorts, calls: UnaryCalls["runs"], watch: CallWatch): RunServiceServer {
  const paths = RunServiceService;
  return {
    startRun: unaryHandler(watch, paths.startRun.path, calls.startRun),
    startRuns: unaryHandler(watch, paths.startRuns.path, calls.startRuns),
    getRun: unaryHandler(watch, paths.getRun.path, calls.getRun),
    getTimeline: unaryHandler(watch, paths.getTimeline.path, calls.getTimeline),
    listItems: unaryHandler(watch, paths.listItems.path, calls.listItems),
    listRuns: unaryHandler(watch, paths.listRuns.path, calls.listRuns),
    signalRun: unaryHandler(watch, paths.signalRun.path, calls.signalRun),
    cancelRun: unaryHandler(watch, paths.cancelRun.path, calls.cancelRun),
    terminateRun: unaryHandler(watch, paths.terminateRun.path, calls.terminateRun),
    pauseRun: unaryHandler(watch, paths.pauseRun.path, calls.pauseRun),
    resumeRun: unaryHandler(watch, paths.resumeRun.path, calls.resumeRun),
    retryRun: unaryHandler(watch, paths.retryRun.path, calls.retryRun),
    watchRun: streamHandler(watch, paths.watchRun.path, (request, context, stream) =>
      watchRun(ports, request, context, stream),
    ),
    submitRuns: (call) => {
      const context = contextOf(call);
      if (context instanceof Refused) {
        call.emit("error", errorOf(context));
        return;
      }
      serveDuplex(watch, paths.submitRuns.path, call, (wire) => {
        const stream = new SubmitStream(ports, context, wire);
        return {
          frame: (request) => stream.frame(request),
          halfClose: () => stream.halfClose(),
          writable: () => stream.writable(),
          gone: () => stream.abandon(),
        };
      });
    },
  };
}

function workflowService(calls: UnaryCalls["workflows"], watch: CallWatch): WorkflowServiceServer {
  const paths = WorkflowServiceService;
  return {
    registerWorkflow: unaryHandler(watch, paths.registerWorkflow.path, calls.registerWorkflow),
    validateWorkflow: unaryHandler(watch, paths.validateWorkflow.path, calls.validateWorkflow),
    getWorkflow: unaryHandler(watch, paths.getWorkflow.path, calls.getWorkflow),
    listWorkflows: unaryHandler(watch, paths.listWorkflows.path, calls.listWorkflows),
  };
}

function clusterService(calls: UnaryCalls["cluster"], watch: CallWatch): ClusterServiceServer {
  const paths = ClusterServiceService;
  return {
    getCluster: unaryHandler(watch, paths.getCluster.path, calls.getCluster),
    listNodes: unaryHandler(watch, paths.listNodes.path, calls.listNodes),
    listShards: unaryHandler(watch, paths.listShards.path, calls.listShards),
    drainNode: unaryHandler(watch, paths.drainNode.path, calls.drainNode),
    undrainNode: unaryHandler(watch, paths.undrainNode.path, calls.undrainNode),
    snapshotShard: unaryHandler(watch, paths.snapshotShard.path, calls.snapshotShard),
  };
}

function workerService(ports: ServicePorts, watch: CallWatch): WorkerServiceServer {
  const { hub, blobs, clock } = ports;
  const connectionPorts = { hub, blobs, clock, storing: new StoringRoom() };
  return {
    connect: (call) => {
      const context = contextOf(call);
      if (context instanceof Refused) {
        call.emit("error", errorOf(context));
        return;
      }
      const tenant: TenantId = context.tenant;
      serveDuplex(watch, WorkerServiceService.connect.path, call, (wire) => {
        const connection = new WorkerConnection(connectionPorts, tenant, wire);
        return {
          frame: (request) => connection.frame(request),
          halfClose: () => connection.halfClose(),
          writable: () => connection.writable(),
          gone: () => connection.lost("its stream broke"),
        };
      });
    },
  };
}
