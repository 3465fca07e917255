// "Nobody listens for this shard": what a gateway tells the coordinator, so that it looks at the owner at once.
import type { ShardId } from "@millrace/model/ids.ts";
import { shardId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

export interface Suspicion {
  readonly shard: ShardId;
}

export function printSuspicion({ shard }: Suspicion): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ shard }));
}

export function parseSuspicion(bytes: Uint8Array): Suspicion | FormatProblem {
  return Fields.parse(bytes, (fields): Suspicion => ({ shard: shardId(fields.integer("shard", 0)) }));
}
