// What operators see and ask of the cluster, by what this process knows of it and over the bus.
import type { Bus } from "@millrace/bus/bus.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { ClusterView, SnapshotTaken } from "@millrace/gateway/cluster/cluster-view.ts";
import { askToDrain } from "@millrace/membership/drain-request.ts";
import type { Membership } from "@millrace/membership/membership.ts";
import { askForSnapshot } from "@millrace/membership/snapshot-request.ts";
import { SNAPSHOT_MS } from "@millrace/membership/timing.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Refusal } from "@millrace/model/refusal.ts";

export function operateCluster(membership: Membership, bus: Bus): ClusterView {
  return {
    state: () => {
      const { process, coordinator, map, members } = membership;
      return { process, coordinator, map, members, level: membership.clusterLevel() ?? 0 };
    },
    operations: {
      drain: async (name, isDraining) => {
        const outcome = await askToDrain(bus, { name, isDraining });
        return outcome.type === "done" ? null : refusal("COORDINATOR_UNAVAILABLE", { message: outcome.reason });
      },
      snapshot: (shard) => snapshot(bus, shard),
    },
  };
}

/** Asks the standby, which has nothing else to do; the owner where that cannot. */
async function snapshot(bus: Bus, { id, standby, owner }: MapShard): Promise<SnapshotTaken | Refusal> {
  const problems: string[] = [];
  for (const process of [standby, owner]) {
    if (process === null) continue;
    const answer = await askForSnapshot(bus, process, id);
    switch (answer.type) {
      case "taken":
        return { process, position: answer.position };
      case "nobody":
        problems.push(`${process} is not there.`);
        break;
      case "failed":
        problems.push(`${process}: ${answer.reason}`);
        break;
      case "silent":
        // It may be at it: two at once would only hinder each other.
        return refusal("SNAPSHOT_FAILED", {
          message: `${process} has not answered within ${SNAPSHOT_MS} ms. What it has begun goes on.`,
        });
    }
  }
  const message = problems.length === 0 ? `Nobody hosts shard ${id} yet.` : problems.join(" ");
  return refusal("SNAPSHOT_FAILED", { message });
}
