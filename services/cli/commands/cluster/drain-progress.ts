import type { ClusterNode } from "@millrace/sdk/client/cluster.ts";

/** How far a drain is. */
export type DrainProgress =
  /** Shards that the process owns, and that it follows. Both may be 0 while others are on their way to it. */
  | { readonly type: "moving"; readonly owned: number; readonly standbys: number }
  /** Nothing moves: there is no other process that may take them. */
  | { readonly type: "stuck"; readonly owned: number; readonly standbys: number }
  | { readonly type: "done" };

/** Of the processes of a name, by what all of them say, once it is known that the name is drained. */
export function drainProgress(name: string, nodes: readonly ClusterNode[]): DrainProgress {
  const own = nodes.filter((node) => node.name === name && node.health !== "gone");
  const owned = sum(own, ({ ownedShards }) => ownedShards);
  const standbys = sum(own, ({ standbyShards }) => standbyShards);
  const wanted = sum(own, ({ wantedShards }) => wantedShards);
  if (owned + standbys + wanted === 0) return { type: "done" };
  const hasTaker = nodes.some((node) => node.name !== name && mayTake(node));
  return { type: hasTaker ? "moving" : "stuck", owned, standbys };
}

function mayTake({ roles, health, draining }: ClusterNode): boolean {
  return roles.includes("node") && health === "live" && !draining;
}

function sum(nodes: readonly ClusterNode[], count: (node: ClusterNode) => number): number {
  return nodes.reduce((total, node) => total + count(node), 0);
}
