// Where processes of a cluster talk about themselves. The bus puts the cluster's own prefix in front, if it has one.
import type { ProcessId } from "@millrace/model/ids.ts";

/** Heartbeats of all processes. */
export const BEAT_SUBJECT = "beat";
/** The coordinator's grants. */
export const LEASE_SUBJECT = "lease";
/** Reports that nobody listens for a shard. */
export const SUSPECT_SUBJECT = "suspect";

/** Asks the coordinator to have a process drained, or no longer. */
export const DRAIN_SUBJECT = "drain";

/** Answered, with nothing, by a process that is there. */
export function pingSubject(process: ProcessId): string {
  return `node.${process}.ping`;
}

/** Answered by a process that hosts a shard, once a snapshot of it is in the archive, or could not be taken. */
export function snapshotSubject(process: ProcessId): string {
  return `node.${process}.snapshot`;
}

/** Answered by a process that hosts a shard, once it does so no longer. */
export function releaseSubject(process: ProcessId): string {
  return `node.${process}.release`;
}
