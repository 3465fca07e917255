// What a new owner asks of the previous one: to let go of a shard. The answer, which is empty, says that it has.
import { type ShardId, shardId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

export interface ReleaseRequest {
  readonly shard: ShardId;
  /** The version of the map that gives it to whoever asks: the previous owner may not know of it yet. */
  readonly mapVersion: number;
}

export function printReleaseRequest({ shard, mapVersion }: ReleaseRequest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ shard, mapVersion }));
}

export function parseReleaseRequest(bytes: Uint8Array): ReleaseRequest | FormatProblem {
  return Fields.parse(
    bytes,
    (fields): ReleaseRequest => ({
      shard: shardId(fields.integer("shard", 0)),
      mapVersion: fields.integer("mapVersion", 1),
    }),
  );
}
