// A heartbeat: what a process says of itself, ten times a second. JSON; fields that a reader does not know are ignored, so
// that newer processes may say more.
import { SHARDS_MAX } from "@millrace/core/placement/initial-map.ts";
import { isProcessId } from "@millrace/core/process-id.ts";
import type { HostedShard, ProtocolVersions, Role } from "@millrace/model/cluster.ts";
import { type ProcessId, position, processId, shardId, term } from "@millrace/model/ids.ts";
import { Fields, type FormatProblem } from "./fields.ts";

export interface Beat {
  readonly process: ProcessId;
  readonly roles: readonly Role[];
  /** From 1, one more each time. A lease answers one of them. */
  readonly seq: number;
  /** `left`: this is the last one, and what it held is free. */
  readonly state: "live" | "leaving" | "left";
  /** How long ago its event loop turned last, ms. */
  readonly loopAgeMs: number;
  /** Its wall clock as it sent this, epoch ms. */
  readonly wallMs: number;
  readonly versions: ProtocolVersions;
  readonly load: number;
  readonly hosted: readonly HostedShard[];
}

/** A day: whoever stands still for longer is not measured any more closely. */
const AGE_MS_MAX = 24 * 60 * 60 * 1000;

const ROLES: readonly Role[] = ["node", "gateway", "connectors"];

export function printBeat(beat: Beat): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...beat, loopAgeMs: Math.min(beat.loopAgeMs, AGE_MS_MAX) }));
}

export function parseBeat(bytes: Uint8Array): Beat | FormatProblem {
  return Fields.parse(
    bytes,
    (fields): Beat => ({
      process: fields.text("process", "a process ID", isProcessId) ?? processId(""),
      // Roles that came later mean nothing here.
      roles: fields.texts("roles", 16, { what: "words", accepts: isText }).filter(isRole),
      seq: fields.integer("seq", 1),
      state: fields.word("state", ["live", "leaving", "left"]),
      loopAgeMs: fields.number("loopAgeMs", 0, AGE_MS_MAX),
      wallMs: fields.number("wallMs", 0, Number.MAX_SAFE_INTEGER),
      versions: fields.object("versions", (versions) => {
        const min = versions.integer("min", 1);
        return { min, max: versions.integer("max", min) };
      }),
      load: fields.integer("load", 0),
      hosted: fields.objects("hosted", SHARDS_MAX, parseHosted),
    }),
  );
}

function parseHosted(fields: Fields): HostedShard {
  return {
    shard: shardId(fields.integer("shard", 0)),
    generation: fields.integer("generation", 1),
    role: fields.word("role", ["owner", "standby"]),
    state: fields.word("state", ["opening", "ready", "failed", "closing"]),
    failures: fields.integer("failures", 0),
    term: term(fields.integer("term", 0)),
    position: position(fields.integer("position", 0)),
    lag: fields.integer("lag", 0),
  };
}

function isText(text: string): text is string {
  return text.length <= 64;
}

function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text);
}
