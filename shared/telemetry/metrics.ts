// Every metric there is, in one place: the names are an interface that dashboards and alerts rely on.
// No label ever holds a run ID, a tenant or anything else without a small, known set of values.
// Hot paths count in plain numbers and report once a turn; a labelled call costs more than an event.
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EventLoopReading } from "./event-loop.ts";

/** Task types with a label of their own, the fullest queues; what the others hold is summed under `other`. */
export const TASK_TYPE_LABELS_MAX = 50;

/** The label of task types beyond {@link TASK_TYPE_LABELS_MAX}. */
const OTHER_TASK_TYPES = "other";

/** From a turn on a warm cache to a stalled disk. */
const SHORT_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** From a call answered from memory to a client that waits for its run. */
const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

/** Checkpoints take from milliseconds to the better part of a minute. */
const CHECKPOINT_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** From a standby that has caught up, over one that waits for the previous owner, to a start from a snapshot. */
const TAKE_OVER_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

export type Metrics = ReturnType<typeof createMetrics>;

/** All metrics, on a registry of their own. */
export function createMetrics() {
  const registry = new Registry();
  const samplers = new Set<() => void>();
  const registers = [registry];
  const taskQueueDepth = new Gauge({
    name: "millrace_task_queue_depth",
    help: "Tasks that wait for a worker, by task type; beyond the fullest queues, all others together.",
    labelNames: ["task_type"],
    registers,
  });
  return {
    ...runMetrics(registers),
    ...shardMetrics(registers),
    ...edgeMetrics(registers),
    ...clusterMetrics(registers),
    ...eventLoopMetrics(registers),

    /** Sets the depth of every task queue there is; types left out are gone. */
    setTaskQueueDepths: (depths: ReadonlyMap<string, number>): void => {
      taskQueueDepth.reset();
      for (const [taskType, depth] of capped(depths)) taskQueueDepth.set({ task_type: taskType }, depth);
    },

    /** Calls `sampler` before every exposition, to set gauges; call the result to end that. */
    sample: (sampler: () => void): (() => void) => {
      samplers.add(sampler);
      return () => {
        samplers.delete(sampler);
      };
    },

    contentType: registry.contentType,

    /** All metrics in Prometheus text format. */
    expose: async (): Promise<string> => {
      for (const sampler of samplers) sampler();
      return registry.metrics();
    },
  };
}

function runMetrics(registers: Registry[]) {
  return {
    runsStarted: new Counter({ name: "millrace_runs_started_total", help: "Runs started.", registers }),
    runsEnded: new Counter({
      name: "millrace_runs_ended_total",
      help: "Runs ended, by end status.",
      labelNames: ["status"],
      registers,
    }),
    stepsEnded: new Counter({
      name: "millrace_steps_ended_total",
      help: "Steps and forEach items settled, by status.",
      labelNames: ["status"],
      registers,
    }),
    attemptsFailed: new Counter({
      name: "millrace_attempts_failed_total",
      help: "Attempts that failed, by failure class: transient, permanent or uncertain.",
      labelNames: ["class"],
      registers,
    }),
  };
}

function shardMetrics(registers: Registry[]) {
  const labelNames = ["shard"] as const;
  return {
    turnSeconds: new Histogram({
      name: "millrace_turn_duration_seconds",
      help: "Time a turn took, from taking the mailbox to handing the record to the journal.",
      buckets: SHORT_SECONDS,
      registers,
    }),
    turnCommands: new Histogram({
      name: "millrace_turn_commands",
      help: "Commands decided in one turn.",
      buckets: BATCH_SIZES,
      registers,
    }),
    appendSeconds: new Histogram({
      name: "millrace_journal_append_duration_seconds",
      help: "Time from handing a record to the journal until it was durable.",
      buckets: SHORT_SECONDS,
      registers,
    }),
    checkpointSeconds: new Histogram({
      name: "millrace_checkpoint_duration_seconds",
      help: "Time from the first slice of a checkpoint until all of it was on disk.",
      buckets: CHECKPOINT_SECONDS,
      registers,
    }),
    mailboxDepth: new Gauge({
      name: "millrace_mailbox_depth",
      help: "Commands waiting for a turn.",
      labelNames,
      registers,
    }),
    activeActors: new Gauge({ name: "millrace_active_actors", help: "Runs held in memory.", labelNames, registers }),
    overlayBytes: new Gauge({
      name: "millrace_overlay_bytes",
      help: "Encoded history of runs that ended since the last checkpoint.",
      labelNames,
      registers,
    }),
    journalBytes: new Gauge({
      name: "millrace_journal_bytes",
      help: "Bytes the journal holds.",
      labelNames,
      registers,
    }),
    storeBytes: new Gauge({ name: "millrace_store_bytes", help: "Bytes the store holds.", labelNames, registers }),
  };
}

function edgeMetrics(registers: Registry[]) {
  return {
    workerSessions: new Gauge({ name: "millrace_worker_sessions", help: "Connected workers.", registers }),
    webhookDeliveries: new Counter({
      name: "millrace_webhook_deliveries_total",
      help: "Webhook deliveries, by result: accepted, repeated, or why it was refused.",
      labelNames: ["result"],
      registers,
    }),
    grpcCallSeconds: new Histogram({
      name: "millrace_grpc_call_duration_seconds",
      help: "Time a call took, by method and gRPC status; streams count from opening to closing.",
      labelNames: ["method", "status"],
      buckets: CALL_SECONDS,
      registers,
    }),
  };
}

/** Only in a cluster; in a process on its own they stay at zero. */
function clusterMetrics(registers: Registry[]) {
  return {
    clusterMembers: new Gauge({
      name: "millrace_cluster_members",
      help: "Processes of the cluster as this one sees them, by health: live, leaving, wedged, silent or gone.",
      labelNames: ["health"],
      registers,
    }),
    clusterLevel: new Gauge({
      name: "millrace_cluster_protocol_level",
      help: "Newest version of the protocol that all live processes speak.",
      registers,
    }),
    clusterCoordinator: new Gauge({
      name: "millrace_cluster_coordinator",
      help: "1 on the process that coordinates, 0 on the others: the sum over all is 1.",
      registers,
    }),
    clusterMapVersion: new Gauge({
      name: "millrace_cluster_map_version",
      help: "Version of the cluster map that this process acts on.",
      registers,
    }),
    shardsHosted: new Gauge({
      name: "millrace_shards_hosted",
      help: "Shards this process hosts, by role (owner or standby) and state: opening, ready, failed or closing.",
      labelNames: ["role", "state"],
      registers,
    }),
    leaseValid: new Gauge({
      name: "millrace_lease_valid",
      help: "1 while this process has a lease; without one an owner asks its journal before it answers a read.",
      registers,
    }),
    takeOverSeconds: new Histogram({
      name: "millrace_takeover_duration_seconds",
      help: "Time from when the map gave this process a shard until it served it.",
      buckets: TAKE_OVER_SECONDS,
      registers,
    }),
    takeOversFailed: new Counter({
      name: "millrace_takeovers_failed_total",
      help: "Take-overs of a shard that failed and are tried again.",
      registers,
    }),
    shardsLost: new Counter({
      name: "millrace_shards_lost_total",
      help: "Shards this process served until its journal said that somebody else does.",
      registers,
    }),
  };
}

function eventLoopMetrics(registers: Registry[]) {
  const delay = new Gauge({
    name: "millrace_event_loop_delay_seconds",
    help: "How late the event loop was since the last scrape: median, 99th percentile and maximum.",
    labelNames: ["quantile"],
    registers,
  });
  const utilisation = new Gauge({
    name: "millrace_event_loop_utilisation",
    help: "Share of the time since the last scrape that the event loop was busy, 0 to 1.",
    registers,
  });
  return {
    setEventLoop: (reading: EventLoopReading): void => {
      delay.set({ quantile: "0.5" }, reading.delayP50Seconds);
      delay.set({ quantile: "0.99" }, reading.delayP99Seconds);
      delay.set({ quantile: "1" }, reading.delayMaxSeconds);
      utilisation.set(reading.utilisation);
    },
  };
}

/** The fullest queues, and the sum of the rest. */
function capped(depths: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  if (depths.size <= TASK_TYPE_LABELS_MAX) return depths;
  const fullestFirst = [...depths].toSorted(([, left], [, right]) => right - left);
  const kept = new Map(fullestFirst.slice(0, TASK_TYPE_LABELS_MAX));
  let rest = kept.get(OTHER_TASK_TYPES) ?? 0;
  for (const [, depth] of fullestFirst.slice(TASK_TYPE_LABELS_MAX)) rest += depth;
  return kept.set(OTHER_TASK_TYPES, rest);
}
