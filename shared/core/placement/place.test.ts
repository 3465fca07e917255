import type { ClusterMap, HostedShard, MapShard } from "@millrace/model/cluster.ts";
import { type ProcessId, position, processName, term } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { lifeOf } from "./arbitrary-cluster.ts";
import type { PlacementNode, Standing } from "./board.ts";
import { initialMap } from "./initial-map.ts";
import { ORPHAN_PATIENCE_MS } from "./lost-owners.ts";
import { place } from "./place.ts";
import { STANDBY_PATIENCE_MS } from "./vacant-standbys.ts";

const NOW_MS = 100_000;

/** `b2` is the second life of b, `-` nobody. */
function processOf(text: string): ProcessId | null {
  if (text === "-") return null;
  return lifeOf(text.charAt(0), Number(text.slice(1) || "1"));
}

function textOf(process: ProcessId | null): string {
  if (process === null) return "-";
  const life = Number(process.slice(2));
  return process.charAt(0) + (life === 1 ? "" : String(life));
}

/** A shard each: `owner/standby`, with `<previous` if any. */
function mapOf(seats: readonly string[], draining = ""): ClusterMap {
  const map = initialMap(seats.length, 1);
  const shards = map.shards.map((shard, index): MapShard => {
    const [owner = "-", standby = "-", previous = "-"] = (seats[index] ?? "").split(/[/<]/);
    return { ...shard, owner: processOf(owner), standby: processOf(standby), previous: processOf(previous) };
  });
  return { ...map, shards, draining: draining.split("").map(processName) };
}

function seatsOf(map: ClusterMap | null): string[] | null {
  if (map === null) return null;
  return map.shards.map(({ owner, standby, previous }) => {
    const asked = previous === null ? "" : `<${textOf(previous)}`;
    return `${textOf(owner)}/${textOf(standby)}${asked}`;
  });
}

interface Told {
  readonly standing?: Standing;
  readonly goneForMs?: number;
  /** Shards it does not serve or has not caught up with yet. */
  readonly opening?: readonly number[];
  /** Shards it failed to take over for good. */
  readonly failed?: readonly number[];
}

/** Nodes that say what the map wants of them is so. */
function nodesOf(map: ClusterMap, told: Readonly<Record<string, Told>>): PlacementNode[] {
  return Object.entries(told).map(([text, { standing = "fit", goneForMs = 0, opening = [], failed = [] }]) => {
    const process = processOf(text) ?? lifeOf("z");
    const hosted = map.shards
      .filter(({ owner, standby }) => owner === process || standby === process)
      .map(({ id, generation, owner }): HostedShard => {
        const state = failed.includes(id) ? "failed" : opening.includes(id) ? "opening" : "ready";
        const role = owner === process ? "owner" : "standby";
        const failures = state === "failed" ? 3 : 0;
        return { shard: id, generation, role, state, failures, term: term(1), position: position(9), lag: 0 };
      });
    return { process, standing, goneSinceMs: NOW_MS - goneForMs, hosted };
  });
}

interface Case {
  readonly says: string;
  readonly seats: readonly string[];
  readonly told: Readonly<Record<string, Told>>;
  readonly draining?: string;
  /** null = nothing changes. */
  readonly expected: readonly string[] | null;
}

const CASES: readonly Case[] = [
  { says: "nobody is there: nothing changes", seats: ["-/-"], told: {}, expected: null },
  {
    says: "shards nobody had are spread, with a standby each",
    seats: ["-/-", "-/-", "-/-"],
    told: { a: {}, b: {}, c: {} },
    expected: ["a/b", "b/c", "c/a"],
  },
  {
    says: "one process owns all, followed by nobody",
    seats: ["-/-", "-/-"],
    told: { a: {} },
    expected: ["a/-", "a/-"],
  },
  { says: "all is well: nothing changes", seats: ["a/b", "b/a"], told: { a: {}, b: {} }, expected: null },
  {
    says: "a lost owner's standby takes over; the seat behind it is kept for the lost one's return",
    seats: ["a/b", "b/a"],
    told: { a: { standing: "gone" }, b: {} },
    expected: ["b/a", "b/a"],
  },
  {
    says: "whoever may still hold a lease is left where it is, and gets nothing",
    seats: ["a/b", "b/-"],
    told: { a: { standing: "fading" }, b: {} },
    expected: null,
  },
  {
    says: "a shard nobody follows waits for its process to come back before another one begins with nothing",
    seats: ["a/-"],
    told: { a: { standing: "gone", goneForMs: ORPHAN_PATIENCE_MS - 1 }, b: {} },
    expected: null,
  },
  {
    says: "but not for ever",
    seats: ["a/-"],
    told: { a: { standing: "gone", goneForMs: ORPHAN_PATIENCE_MS }, b: {} },
    expected: ["b/a"],
  },
  {
    says: "it goes to the owner's next life, or else to the standby's: they have the data",
    seats: ["a/b", "b/c", "c/b", "d/b"],
    told: { b2: {}, a2: {}, e: {}, a: { standing: "gone" }, d: { standing: "gone" } },
    expected: ["a2/b2", "b2/e", "b2/a2", "d/b"],
  },
  {
    says: "a process the map alone knows is gone for ever",
    seats: ["a/c", "a/c"],
    told: { b: {}, d: {} },
    expected: ["b/d", "d/b"],
  },
  {
    says: "the heir of one that never took over asks whoever still has the shard",
    seats: ["a/b<c"],
    told: { a: { standing: "gone" }, b: {}, c: { standing: "leaving" } },
    expected: ["b/a<c"],
  },
  {
    says: "but not one that is gone as well",
    seats: ["a/b<c"],
    told: { a: { standing: "gone" }, b: {}, c: { standing: "gone" } },
    expected: ["b/a"],
  },
  {
    says: "the next life of a lost standby takes its seat",
    seats: ["b/a", "b/a"],
    told: { a: { standing: "gone" }, a2: {}, b: {} },
    expected: ["b/a2", "b/a2"],
  },
  {
    says: "a lost standby's seat waits",
    seats: ["b/a", "c/b"],
    told: { a: { standing: "gone", goneForMs: STANDBY_PATIENCE_MS - 1 }, b: {}, c: {} },
    expected: null,
  },
  {
    says: "but not for ever, either",
    seats: ["b/a", "c/b"],
    told: { a: { standing: "gone", goneForMs: STANDBY_PATIENCE_MS }, b: {}, c: {} },
    expected: ["b/c", "c/b"],
  },
  {
    says: "one that leaves gives all it owns away at once and is asked to let go",
    seats: ["a/b", "a/c", "a/b", "b/a"],
    told: { a: { standing: "leaving" }, b: { opening: [0] }, c: {} },
    expected: ["b/a<a", "c/a<a", "b/a<a", "b/a"],
  },
  {
    says: "one that leaves keeps what nobody else can take",
    seats: ["a/-"],
    told: { a: { standing: "leaving" } },
    expected: null,
  },
  {
    says: "a draining one gives away two at a time, to standbys that have caught up and have room",
    seats: ["a/b", "a/b", "a/c", "b/c", "c/b"],
    draining: "a",
    told: { a: {}, b: { opening: [0] }, c: {} },
    expected: ["a/b", "b/c<a", "c/b<a", "b/c", "c/b"],
  },
  {
    says: "nothing more is moved while owners do not serve yet",
    seats: ["a/b", "a/b", "b/c", "c/b"],
    draining: "a",
    told: { a: {}, b: { opening: [2] }, c: { opening: [3] } },
    expected: null,
  },
  {
    says: "a draining one stands by no longer, two at a time",
    seats: ["b/a", "b/a", "b/a"],
    draining: "a",
    told: { a: {}, b: {}, c: {} },
    expected: ["b/c", "b/c", "b/a"],
  },
  {
    says: "even if then nobody does",
    seats: ["b/a"],
    draining: "a",
    told: { a: {}, b: {} },
    expected: ["b/-"],
  },
  {
    says: "the standby takes over although it is draining: nobody is sooner ready",
    seats: ["a/b"],
    draining: "b",
    told: { a: { standing: "gone" }, b: {}, c: {} },
    expected: ["b/a"],
  },
  {
    says: "draining ones own what nobody else can",
    seats: ["-/-"],
    draining: "ab",
    told: { a: {}, b: {} },
    expected: ["a/-"],
  },
  {
    says: "one whose clock is off gives away what it serves once its standby is ready",
    seats: ["a/b", "b/a"],
    told: { a: { standing: "unfit" }, b: { opening: [0] } },
    expected: ["a/b", "b/-"],
  },
  {
    says: "and at once what it does not serve",
    seats: ["a/b", "b/-"],
    told: { a: { standing: "unfit", opening: [0] }, b: {} },
    expected: ["b/-<a", "b/-"],
  },
  {
    says: "one that fails to take over again and again gives way to a standby that is ready",
    seats: ["a/b", "a/b"],
    told: { a: { failed: [0, 1] }, b: { opening: [1] } },
    expected: ["b/a<a", "a/b"],
  },
  {
    says: "one with less becomes the standby of what it is to own",
    seats: ["a/b", "a/b", "a/b", "b/a", "b/a", "b/a"],
    told: { a: {}, b: {}, c: {} },
    expected: ["a/c", "a/b", "a/b", "b/c", "b/a", "b/a"],
  },
  {
    says: "and owns it when it has caught up",
    seats: ["a/c", "a/b", "a/b", "b/c", "b/a", "b/a"],
    told: { a: {}, b: {}, c: { opening: [3] } },
    expected: ["c/a<a", "a/b", "a/b", "b/c", "b/a", "b/a"],
  },
  {
    says: "while it is open who lives nothing moves for balance",
    seats: ["a/b", "a/b", "a/b", "d/a"],
    told: { a: {}, b: {}, d: { standing: "fading" } },
    expected: null,
  },
  {
    says: "a shard without a standby is the first to get one that will own it",
    seats: ["a/b", "a/-", "a/b", "b/a", "b/a", "b/a"],
    told: { a: {}, b: {}, c: {} },
    expected: ["a/b", "a/c", "a/b", "b/c", "b/a", "b/a"],
  },
];

describe("placing", () => {
  test.each(CASES)("$says", ({ seats, told, draining, expected }) => {
    const map = mapOf(seats, draining);
    const next = place(map, nodesOf(map, told), NOW_MS);
    expect(seatsOf(next)).toEqual(expected);
    for (const [index, shard] of (next?.shards ?? []).entries())
      expect(shard.ownedSince).toBe(shard.owner === map.shards[index]?.owner ? 1 : next?.version);
    expect(next?.version ?? map.version + 1).toBe(map.version + 1);
  });
});
