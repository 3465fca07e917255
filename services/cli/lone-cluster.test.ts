import { position, term } from "@millrace/model/ids.ts";
import { expect, test } from "vitest";
import { loneCluster, type ShownShard } from "./lone-cluster.ts";

function shard(type: ShownShard["state"]["type"], mailbox = 0): ShownShard {
  const sizes = { actors: 0, overlayBytes: 0, journalBytes: 0, messages: 0 };
  const load = { mailbox, ...sizes, waiting: new Map<string, number>() };
  return { state: { type, reason: "" }, term: term(2), position: position(9), load };
}

test("a server on its own is one process that hosts all shards, and changes nothing", () => {
  const { state, operations } = loneCluster("here", [shard("serving", 3), shard("opening", 4), shard("broken")]);
  const { process, coordinator, map, members } = state();
  expect(operations).toBeNull();
  expect(coordinator).toBeNull();
  expect(members).toMatchObject([
    {
      process,
      name: "here",
      load: 7,
      hosted: [
        { shard: 0, role: "owner", state: "ready", term: 2, position: 9 },
        { shard: 1, state: "opening" },
        { shard: 2, state: "failed" },
      ],
    },
  ]);
  expect(map?.shards.map(({ from, until, owner, standby }) => ({ from, until, owner, standby }))).toEqual([
    { from: 0, until: 1366, owner: process, standby: null },
    { from: 1366, until: 2731, owner: process, standby: null },
    { from: 2731, until: 4096, owner: process, standby: null },
  ]);
});
