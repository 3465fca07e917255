// What the coordinator grants: leases for as long as they were asked for by a heartbeat, on the terms of one map.
import { isProcessId } from "@millrace/core/process-id.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

export interface Grants {
  /** The coordinator's. Those of an earlier one mean nothing once a later one has spoken. */
  readonly epoch: number;
  /** They mean nothing to a process that does not act on this version of the map, or a later one, yet. */
  readonly mapVersion: number;
  /** The newest heartbeat that was heard of each process. */
  readonly seqs: ReadonlyMap<ProcessId, number>;
}

export function printGrants({ epoch, mapVersion, seqs }: Grants): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ epoch, mapVersion, seqs: Object.fromEntries(seqs) }));
}

export function parseGrants(bytes: Uint8Array): Grants | FormatProblem {
  return Fields.parse(
    bytes,
    (fields): Grants => ({
      epoch: fields.integer("epoch", 1),
      mapVersion: fields.integer("mapVersion", 1),
      seqs: fields.object(
        "seqs",
        (seqs) => new Map(seqs.names.filter(isProcessId).map((process) => [process, seqs.integer(process, 1)])),
      ),
    }),
  );
}
