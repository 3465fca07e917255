import { hostname } from "node:os";
import type { Section } from "./section.ts";

/** What this process is in its cluster; without `nats.servers` there is none. Per process. */
export interface ClusterConfig {
  /**
   * What this process is called, over restarts: 1 to 64 characters of A-Z, a-z, 0-9, - and _. Unique in the cluster.
   * @default the host's name
   */
  readonly name: string;
  /**
   * What it does: `node` hosts shards, `gateway` takes calls and serves workers, `connectors` runs the built-in `http`
   * worker; `all` is all three.
   * @default all
   */
  readonly roles: readonly ClusterRole[];
  /**
   * How many shards the cluster begins with, 1 to 1,024: some for each node it may ever have. The first process that
   * starts decides; later values change nothing.
   * @default 12
   */
  readonly shards: number;
}

export const CLUSTER_ROLES = ["node", "gateway", "connectors"] as const;
export type ClusterRole = (typeof CLUSTER_ROLES)[number];

/** What a coordinator places, and every gateway knows, at ease. */
const SHARDS_MAX = 1_024;

const ALL = "all";
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const NAME_CHARACTERS_MAX = 64;

export function readCluster(section: Section): ClusterConfig {
  const named = section.list("roles", CLUSTER_ROLES.length, {
    what: `roles: ${CLUSTER_ROLES.join(", ")}, or ${ALL}`,
    accepts: (word) => word === ALL || CLUSTER_ROLES.some((role) => role === word),
  });
  const isAll = named.length === 0 || named.includes(ALL);
  return {
    name: section.matching("name", hostName(), { what: "1 to 64 characters of A-Z, a-z, 0-9, - and _", pattern: NAME }),
    roles: CLUSTER_ROLES.filter((role) => isAll || named.includes(role)),
    shards: section.integer("shards", 12, { min: 1, max: SHARDS_MAX }),
  };
}

/** The host's name, with what no name may have left out. */
function hostName(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9_-]/g, "-")
      .slice(0, NAME_CHARACTERS_MAX) || "millrace"
  );
}
