// The cluster map as it is stored: JSON, checked as a whole before anyone acts on it. A field that this version does not
// know is refused: rewriting the map would lose it. Newer fields may be written once all processes speak their level.
import { SHARDS_MAX } from "@millrace/core/placement/initial-map.ts";
import { isProcessId, isProcessName } from "@millrace/core/process-id.ts";
import type { ClusterMap, MapShard } from "@millrace/model/cluster.ts";
import { SLOT_COUNT, shardId } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

/** Names that may be draining at a time: more processes than a cluster has. */
const DRAINING_MAX = 1024;

const A_PROCESS = "a process ID";
const A_NAME = "names of processes";

/** The map as bytes. */
export function printMap({ version, epoch, shards, draining }: ClusterMap): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, epoch, shards, draining }));
}

/** The map that bytes hold, or what is wrong with them. */
export function parseMap(bytes: Uint8Array): ClusterMap | FormatProblem {
  return Fields.parse(bytes, (fields): ClusterMap => {
    const map = {
      version: fields.integer("version", 1),
      epoch: fields.integer("epoch", 0),
      shards: fields.objects("shards", SHARDS_MAX, parseShard),
      draining: fields.texts("draining", DRAINING_MAX, { what: A_NAME, accepts: isProcessName }),
    };
    fields.finish();
    checkRanges(fields, map);
    return map;
  });
}

function parseShard(fields: Fields): MapShard {
  const parent = fields.integerOrNull("parent", 0);
  const shard: MapShard = {
    id: shardId(fields.integer("id", 0)),
    from: fields.integer("from", 0, SLOT_COUNT - 1),
    until: fields.integer("until", 1, SLOT_COUNT),
    generation: fields.integer("generation", 1),
    stream: fields.integer("stream", 0),
    owner: fields.textOrNull("owner", A_PROCESS, isProcessId),
    ownedSince: fields.integer("ownedSince", 1),
    standby: fields.textOrNull("standby", A_PROCESS, isProcessId),
    previous: fields.textOrNull("previous", A_PROCESS, isProcessId),
    parent: parent === null ? null : shardId(parent),
  };
  fields.finish();
  if (shard.owner !== null && (shard.owner === shard.standby || shard.owner === shard.previous))
    fields.refuse(`Shard ${shard.id} is owned by ${shard.owner}, which is its standby or previous owner as well.`);
  return shard;
}

function checkRanges(fields: Fields, { shards }: ClusterMap): void {
  const ids = new Set(shards.map(({ id }) => id));
  if (ids.size < shards.length) fields.refuse("shards holds a shard twice.");
  let next = 0;
  for (const { id, from, until } of shards) {
    if (from !== next || until <= from)
      fields.refuse(
        `Shard ${id} has slots ${from} to ${until - 1}, but its range must begin at ${next} and not be empty.`,
      );
    next = until;
  }
  if (next !== SLOT_COUNT) fields.refuse(`shards cover slots up to ${next - 1}, but must cover all ${SLOT_COUNT}.`);
}
