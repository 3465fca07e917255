import type { ClusterNode } from "@millrace/sdk/client/cluster.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import type { Colours } from "../../terminal/output.ts";
import { healthCell } from "./states.ts";

export function nodesCommand(): Command {
  return clientCommand({
    name: "nodes",
    summary: "List the processes of the cluster: how each is, what it does, and how many shards it hosts.",
    examples: ["millrace cluster nodes", "millrace cluster nodes --json | jq -r 'select(.health != \"live\").name'"],
  }).action((flags: ClientFlags) =>
    withClient(flags, async ({ client, output }) => {
      const nodes = await client.cluster.listNodes();
      if (output.mode === "json") {
        for (const node of nodes) output.json(node);
        return;
      }
      const head = ["NAME", "HEALTH", "ROLES", "OWNS", "FOLLOWS", "WANTED", "LOAD", "CLOCK", "PROTOCOL", "PROCESS"];
      const isShown = output.mode === "terminal";
      output.table(
        head,
        nodes.map((node) => (isShown ? shownCells(node, output.colours) : plainCells(node))),
      );
    }),
  );
}

function shownCells(node: ClusterNode, colours: Colours): (string | number)[] {
  const { name, roles, ownedShards, standbyShards, wantedShards, load, clockAheadMs, processId } = node;
  const clock = `${clockAheadMs > 0 ? "+" : ""}${clockAheadMs} ms`;
  return [
    ...[name, healthCell(node, colours), roles.length === 3 ? "all" : roles.join(" ")],
    ...[ownedShards, standbyShards, wantedShards, load, clock, protocol(node), colours.dim(processId)],
  ];
}

function plainCells(node: ClusterNode): (string | number)[] {
  const { name, health, draining, roles, ownedShards, standbyShards, wantedShards, load, clockAheadMs, processId } =
    node;
  return [
    ...[name, health, draining ? "draining" : "", roles.join(",")],
    ...[ownedShards, standbyShards, wantedShards, load, clockAheadMs, protocol(node), processId],
  ];
}

function protocol({ protocolMin, protocolMax }: ClusterNode): string {
  return protocolMin === protocolMax ? String(protocolMax) : `${protocolMin}-${protocolMax}`;
}
