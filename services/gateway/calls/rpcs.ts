// Every RPC by its path: the one list that gRPC and HTTP serve from.
import {
  type ClusterPorts,
  drainNode,
  getCluster,
  listNodes,
  listShards,
  snapshotShard,
  undrainNode,
} from "../cluster/operate.ts";
import { getRun, listRuns, type ReadPorts } from "../runs/read-runs.ts";
import { getTimeline, listItems } from "../runs/read-timeline.ts";
import { startRun, startRuns } from "../runs/start-runs.ts";
import { cancelRun, pauseRun, resumeRun, retryRun, signalRun, terminateRun } from "../runs/steer-runs.ts";
import { getWorkflow, listWorkflows, registerWorkflow, validateWorkflow } from "../workflows/workflows.ts";
import type { UnaryCall } from "./call.ts";

/** An RPC over the API's ports. */
type Over<Ports, Request, Response> = (
  ports: Ports,
  ...call: Parameters<UnaryCall<Request, Response>>
) => ReturnType<UnaryCall<Request, Response>>;

/** What the RPCs with one answer are made over. */
export type CallPorts = ReadPorts & ClusterPorts;

function bound<Request, Response>(
  ports: CallPorts,
  rpc: Over<CallPorts, Request, Response>,
): UnaryCall<Request, Response> {
  return (request, context) => rpc(ports, request, context);
}

/** The RPCs with one answer, by service and method. */
export function unaryCalls(ports: CallPorts) {
  return {
    runs: {
      startRun: bound(ports, startRun),
      startRuns: bound(ports, startRuns),
      getRun: bound(ports, getRun),
      getTimeline: bound(ports, getTimeline),
      listItems: bound(ports, listItems),
      listRuns: bound(ports, listRuns),
      signalRun: bound(ports, signalRun),
      cancelRun: bound(ports, cancelRun),
      terminateRun: bound(ports, terminateRun),
      pauseRun: bound(ports, pauseRun),
      resumeRun: bound(ports, resumeRun),
      retryRun: bound(ports, retryRun),
    },
    workflows: {
      registerWorkflow: bound(ports, registerWorkflow),
      validateWorkflow: bound(ports, validateWorkflow),
      getWorkflow: bound(ports, getWorkflow),
      listWorkflows: bound(ports, listWorkflows),
    },
    cluster: {
      getCluster: bound(ports, getCluster),
      listNodes: bound(ports, listNodes),
      listShards: bound(ports, listShards),
      drainNode: bound(ports, drainNode),
      undrainNode: bound(ports, undrainNode),
      snapshotShard: bound(ports, snapshotShard),
    },
  };
}

export type UnaryCalls = ReturnType<typeof unaryCalls>;
