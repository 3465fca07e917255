import { expect, it } from "vitest";
import { ClusterUnderLoad, TROUBLES } from "./cluster-under-load.ts";

/** Few: three servers, three nodes and two workers share the machine with everything else. */
const IN_FLIGHT = 40;
const SEED = 20_261_125;

it("I1, I2, I3, I4, I6: whatever befalls its parts, a cluster goes on, loses no acked run and records everything once", async () => {
  await using cluster = await ClusterUnderLoad.start({ seed: SEED, inFlight: IN_FLIGHT });
  for (const trouble of TROUBLES) await cluster.suffer(trouble);
  await cluster.finish();
  const found = await cluster.audit();
  console.log(`${TROUBLES.join(", ")}: ${found.runs} runs, ${found.executions} executions, ${found.lost} lost.`);
  expect(found.findings).toEqual([]);
  expect(found.runs).toBe(cluster.load.ended);
  // The checker would have seen it: an acked run that is gone.
  await cluster.forge({ type: "started", key: "key-1", runId: "1m88yp77k0bqwqf359zh" });
  expect((await cluster.audit()).findings).not.toEqual([]);
  // What was refused on the way was asked for again; nothing was refused for good.
  for (const { retryDelayMs } of cluster.load.refusals) expect(retryDelayMs).toBeGreaterThan(0);
});
