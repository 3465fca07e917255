import { afterAll, beforeAll, describe } from "vitest";
import { journalConformance } from "../conformance.ts";
import { followConformance } from "../follow-conformance.ts";
import { rigOn, Servers } from "./testdata/conformance-rig.ts";

describe.each([1, 3] as const)("R%i", (replicas) => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await Servers.start(replicas);
  });
  afterAll(() => servers[Symbol.asyncDispose]());

  journalConformance("jetstream", () => Promise.resolve(rigOn(servers)));
  followConformance("jetstream", () => Promise.resolve(rigOn(servers)));
});
