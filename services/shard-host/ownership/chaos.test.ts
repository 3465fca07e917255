import { describe, expect, test } from "vitest";
import { Chaos } from "./testing/chaos.ts";

/** Each some 40 virtual seconds of three or four nodes; a tenth of a second of real ones. */
const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);

describe("through any trouble", () => {
  test("the same seed makes the same history", async () => {
    const live = async (): Promise<unknown> => {
      const chaos = new Chaos(1);
      await chaos.trouble();
      return [chaos.log, chaos.cluster.cluster.map, chaos.cluster.nodes.map(({ host }) => host.log)];
    };
    expect(await live()).toEqual(await live());
  });

  test.each(SEEDS)(
    "I2: no lease outlives ownership, and all is served, followed and balanced afterwards (seed %d)",
    async (seed) => {
      const chaos = new Chaos(seed);
      const { cluster } = chaos;
      try {
        await chaos.trouble();
        await chaos.calm();
        const moves = cluster.moves;
        await chaos.rest();
        expect(cluster.isSafe).toBe(true);
        const owned = cluster.running.map((node) => cluster.ownedBy(node).length);
        expect(Math.max(...owned) - Math.min(...owned)).toBeLessThanOrEqual(1);
        // What was lost is replaced, and what was piled up is spread: each shard moves twice at most.
        expect(cluster.moves - moves).toBeLessThanOrEqual(2 * cluster.shards.length);
      } catch (error: unknown) {
        throw new Error(chaos.log.join("\n"), { cause: error });
      }
    },
  );
});
