import { position, processId, processName, shardId, term } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Beat, parseBeat, printBeat } from "./beat.ts";
import { parseDrainOutcome, parseDrainRequest, printDrainOutcome, printDrainRequest } from "./drain-request.ts";
import { parseGrants, printGrants } from "./grants.ts";
import { parseReleaseRequest, printReleaseRequest } from "./release-request.ts";
import { parseSeat, printSeat } from "./seat.ts";
import {
  parseSnapshotOutcome,
  parseSnapshotRequest,
  printSnapshotOutcome,
  printSnapshotRequest,
} from "./snapshot-request.ts";
import { parseSuspicion, printSuspicion } from "./suspicion.ts";

interface Message {
  readonly name: string;
  readonly value: unknown;
  readonly bytes: Uint8Array;
  readonly parse: (bytes: Uint8Array) => object;
}

const process = processId("node-1-0123abcd");
const beat: Beat = {
  process,
  roles: ["node", "gateway"],
  seq: 7,
  state: "leaving",
  loopAgeMs: 12.5,
  wallMs: 1_767_225_600_000,
  versions: { min: 1, max: 3 },
  load: 42,
  hosted: [
    {
      shard: shardId(3),
      generation: 2,
      role: "standby",
      state: "opening",
      failures: 1,
      term: term(4),
      position: position(1_000_000),
      lag: 5,
    },
  ],
};
const grants = { epoch: 2, mapVersion: 9, seqs: new Map([[process, 7]]) };
const seat = { process, epoch: 3, renewals: 1 };
const freeSeat = { process: null, epoch: 3, renewals: 1 };
const suspicion = { shard: shardId(5) };
const request = { shard: shardId(5), mapVersion: 8 };

const MESSAGES: readonly Message[] = [
  { name: "heartbeat", value: beat, bytes: printBeat(beat), parse: parseBeat },
  { name: "grants", value: grants, bytes: printGrants(grants), parse: parseGrants },
  { name: "seat", value: seat, bytes: printSeat(seat), parse: parseSeat },
  { name: "free seat", value: freeSeat, bytes: printSeat(freeSeat), parse: parseSeat },
  { name: "suspicion", value: suspicion, bytes: printSuspicion(suspicion), parse: parseSuspicion },
  ...[true, false].map((isDraining) => {
    const drain = { name: processName("node-1"), isDraining };
    return { name: "drain request", value: drain, bytes: printDrainRequest(drain), parse: parseDrainRequest };
  }),
  ...[{ type: "done" } as const, { type: "failed", reason: "no" } as const].map((outcome) => {
    return { name: "drain outcome", value: outcome, bytes: printDrainOutcome(outcome), parse: parseDrainOutcome };
  }),
  {
    name: "snapshot request",
    value: suspicion,
    bytes: printSnapshotRequest(suspicion),
    parse: parseSnapshotRequest,
  },
  ...[{ type: "taken", position: position(7) } as const, { type: "failed", reason: "no" } as const].map((outcome) => {
    return {
      name: "snapshot outcome",
      value: outcome,
      bytes: printSnapshotOutcome(outcome),
      parse: parseSnapshotOutcome,
    };
  }),
  { name: "release request", value: request, bytes: printReleaseRequest(request), parse: parseReleaseRequest },
];

function bytesOf(json: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(json));
}

function problemOf(parsed: object): unknown {
  return "problem" in parsed ? parsed.problem : parsed;
}

describe("messages between processes", () => {
  test.each(MESSAGES)(
    "$name: is read as it was printed, also with fields that came later",
    ({ value, bytes, parse }) => {
      expect(parse(bytes)).toEqual(value);
      const more: unknown = { ...JSON.parse(new TextDecoder().decode(bytes)), since: "later" };
      expect(parse(bytesOf(more))).toEqual(value);
    },
  );

  test.each(MESSAGES)("I9: $name: any bytes end in a value or a problem", ({ bytes, parse }) => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const broken = Uint8Array.from(bytes);
        broken[at % broken.length] = byte;
        expect(parse(broken)).toBeTypeOf("object");
      }),
    );
  });

  test("a role that came later is no role here", () => {
    const parsed = parseBeat(bytesOf({ ...beat, roles: ["node", "archivist"] }));
    expect(parsed).toMatchObject({ roles: ["node"] });
  });

  test.each<[string, object]>([
    ["process is 1, but must be a process ID.", { process: 1 }],
    ["seq is 0, but must be a whole number from 1", { seq: 0 }],
    ['state is "asleep", but must be one of live, leaving, left.', { state: "asleep" }],
    ["loopAgeMs is -1, but must be a number from 0", { loopAgeMs: -1 }],
    ["versions.max is 0, but must be a whole number from 1", { versions: { min: 1, max: 0 } }],
    ["versions is null, but must be an object.", { versions: null }],
    ['roles is "node", but must be a list of at most 16 of words.', { roles: "node" }],
    ["hosted[0].role is missing, but must be one of owner, standby.", { hosted: [{ shard: 1, generation: 1 }] }],
  ])("I8: %s", (problem, change) => {
    expect(problemOf(parseBeat(bytesOf({ ...beat, ...change })))).toContain(problem);
  });
});
