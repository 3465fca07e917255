// A process of a cluster that hosts what the map gives it, at once and in name only, and prints what it knows:
// `node-nats-process.ts <name> <address of a server>`. It leaves with SIGTERM.
import { systemClock } from "@millrace/clock/system.ts";
import { mintProcessId } from "@millrace/core/process-id.ts";
import type { ClusterMap } from "@millrace/model/cluster.ts";
import { position, processName, term } from "@millrace/model/ids.ts";
import { startControlThread } from "../control-thread.ts";

const [name = "", settings = ""] = process.argv.slice(2);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const membership = startControlThread({
  identity: {
    process: mintProcessId(processName(name), systemClock.random32(), systemClock.random32()),
    roles: ["node"],
    versions: { min: 1, max: 1 },
  },
  layout: { shards: 6, streams: 1 },
  entry: new URL("nats-control.ts", import.meta.url),
  settings,
  observer: {
    refused: (reason) => say(`refused: ${reason}`),
    connection: (isConnected) => say(isConnected ? "connected" : "cut"),
    malformed: (problem) => say(`malformed: ${problem}`),
  },
});

function host(map: ClusterMap): void {
  const self = membership.process;
  const seats = map.shards.filter(({ owner, standby }) => owner === self || standby === self);
  membership.hosting(
    seats.map(({ id, generation, owner }) => ({
      shard: id,
      generation,
      role: owner === self ? "owner" : "standby",
      state: "ready",
      failures: 0,
      term: term(1),
      position: position(0),
      lag: 0,
    })),
    0,
  );
  membership.actsOn(map.version);
  const owned = map.shards.filter(({ owner }) => owner === self).map(({ id }) => id);
  say(`map ${map.version} owns [${owned.join(" ")}] of ${new Set(map.shards.map(({ owner }) => owner)).size}`);
}

membership.followMap(host);
membership.followMembers(() => {
  if (membership.coordinator === membership.process) say("coordinates");
});
process.on("SIGTERM", () => {
  void membership.stop().then(() => process.exit(0));
});
