import type { ClusterMap } from "@millrace/model/cluster.ts";
import { SLOT_COUNT } from "@millrace/model/ids.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArbitraryCluster } from "./arbitrary-cluster.ts";
import { place } from "./place.ts";

const NAMES = ["a", "b", "c", "d", "e"] as const;
const names = fc.constantFrom(...NAMES);

const happenings = fc.oneof(
  fc.record({ type: fc.constant("join" as const), name: names }),
  fc.record({ type: fc.constant("round" as const), name: names }),
  fc.record({ type: fc.constantFrom("gone", "fading", "leaving", "unfit", "fit"), name: names }),
  fc.record({ type: fc.constant("drain" as const), name: names }),
);

type Happening = typeof happenings extends fc.Arbitrary<infer Each> ? Each : never;

function happen(cluster: ArbitraryCluster, { type, name }: Happening): void {
  switch (type) {
    case "join":
      cluster.join(name);
      break;
    case "round":
      cluster.round();
      break;
    case "drain": {
      const { draining } = cluster.map;
      cluster.drain(draining.length > 0 ? [] : [name]);
      break;
    }
    default:
      cluster.stand(name, type);
  }
}

function expectSound(map: ClusterMap): void {
  expect(map.shards[0]?.from).toBe(0);
  expect(map.shards.at(-1)?.until).toBe(SLOT_COUNT);
  for (const [index, { from, owner, standby, previous }] of map.shards.entries()) {
    expect(from).toBe(map.shards[index - 1]?.until ?? 0);
    if (owner !== null) {
      expect(standby).not.toBe(owner);
      expect(previous).not.toBe(owner);
    }
  }
}

function spread(counts: ReadonlyMap<string, number>): number {
  return Math.max(...counts.values()) - Math.min(...counts.values());
}

/** A cluster at rest. */
function settled(shards: number, processes: readonly string[]): ArbitraryCluster {
  const cluster = new ArbitraryCluster(shards);
  for (const name of processes) cluster.join(name);
  cluster.settle();
  cluster.moves = 0;
  return cluster;
}

describe("placing", () => {
  test("keeps the map sound and what may still hold leases in its seat, whatever happens", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(happenings, { maxLength: 60 }), (shards, all) => {
        const cluster = new ArbitraryCluster(shards);
        for (const happening of all) {
          const fading = new Set(
            cluster.nodes.filter(({ standing }) => standing === "fading").map((node) => node.process),
          );
          const before = cluster.map;
          happen(cluster, happening);
          expectSound(cluster.map);
          if (happening.type !== "round") continue;
          for (const [index, { owner }] of before.shards.entries())
            if (owner !== null && fading.has(owner)) expect(cluster.map.shards[index]?.owner).toBe(owner);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("comes to rest with every shard owned by a process that may, followed by another, and evenly spread", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(happenings, { maxLength: 40 }), (shards, all) => {
        const cluster = new ArbitraryCluster(shards);
        for (const happening of all) happen(cluster, happening);
        // Calm: whatever it was is over, and one process is there for certain.
        cluster.drain([]);
        for (const name of NAMES) cluster.stand(name, "fit");
        cluster.join("a");
        cluster.settle();
        const takers = new Set(cluster.takers);
        for (const { owner, standby } of cluster.map.shards) {
          expect(takers).toContain(owner);
          if (takers.size > 1) expect(takers).toContain(standby);
        }
        expect(spread(cluster.counts("owner"))).toBeLessThanOrEqual(1);
        expect(place(cluster.map, cluster.nodes, Number.MAX_SAFE_INTEGER)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test("moves at most a process's share when one joins, in rounds in proportion", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 4 }), (shards, size) => {
        const cluster = settled(shards, NAMES.slice(0, size));
        cluster.join(NAMES[size] ?? "z");
        // A shard is prepared, swapped, and settled: three rounds a move; standbys are spread afterwards, two a move.
        const roundsMax = 3 * shards + 2 * shards + 30;
        expect(cluster.settle(roundsMax)).toBeLessThanOrEqual(roundsMax);
        expect(cluster.moves).toBeLessThanOrEqual(Math.ceil(shards / size));
        expect(spread(cluster.counts("owner"))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });

  test("moves just what a process had when it is drained or leaves, and no more for balance", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 2, max: 5 }),
        fc.constantFrom("drain", "leaving"),
        (shards, size, how) => {
          const cluster = settled(shards, NAMES.slice(0, size));
          if (how === "drain") cluster.drain(["a"]);
          else cluster.stand("a", "leaving");
          cluster.settle();
          expect(cluster.map.shards.map(({ owner }) => owner)).not.toContain("a-00000001");
          const share = Math.ceil(shards / size);
          expect(cluster.moves).toBeLessThanOrEqual(how === "drain" ? share : 2 * share);
          expect(spread(cluster.counts("owner"))).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("gives what a lost process had to its standbys in one round, and moves at most as much again for balance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 2, max: 5 }), (shards, size) => {
        const cluster = settled(shards, NAMES.slice(0, size));
        const before = cluster.map;
        cluster.stand("a", "gone");
        cluster.round();
        for (const [index, { owner, standby }] of before.shards.entries()) {
          const now = cluster.map.shards[index];
          expect(now?.owner).toBe(owner === "a-00000001" ? standby : owner);
        }
        cluster.settle();
        expect(cluster.moves).toBeLessThanOrEqual(2 * Math.ceil(shards / size));
        expect(spread(cluster.counts("owner"))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });

  test("spreads standbys evenly, too", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 2, max: 5 }), (shards, size) => {
        const cluster = settled(shards, NAMES.slice(0, size));
        expect(spread(cluster.counts("standby"))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 50 },
    );
  });

  test("has no more shards on the move than it may, once all serve", () => {
    const cluster = settled(24, ["a", "b"]);
    cluster.join("c");
    let rounds = 0;
    while (cluster.round()) {
      const owners = cluster.map.shards.filter(({ owner, previous }) => owner === "c-00000001" && previous !== null);
      expect(owners.length).toBeLessThanOrEqual(2 * ++rounds);
      const opening = cluster.nodes.flatMap(({ hosted }) => hosted).filter(({ state }) => state === "opening");
      expect(opening.length).toBeLessThanOrEqual(2 * 2);
    }
    expect(rounds).toBeGreaterThan(3);
  });
});
