import { processId } from "@millrace/model/ids.ts";
import type { ClusterOperations, ClusterState, ClusterView } from "../cluster/cluster-view.ts";

/** A cluster that a test makes up; until it does, there is none. */
export class FakeCluster implements ClusterView {
  operations: ClusterOperations | null = null;
  known: ClusterState = { process: processId("one-0123abcd"), coordinator: null, level: 0, map: null, members: [] };

  state(): ClusterState {
    return this.known;
  }
}
