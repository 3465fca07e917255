// Which version of the protocol between processes a cluster speaks while old and new ones live side by side.
import type { Member, ProtocolVersions } from "@millrace/model/cluster.ts";

/** The newest version that all processes speak that are there; undefined = there are none. */
export function clusterLevel(members: readonly Member[]): number | undefined {
  const there = members.filter(({ health }) => health !== "gone" && health !== "silent");
  return there.length === 0 ? undefined : Math.min(...there.map(({ versions }) => versions.max));
}

/** Why a process that speaks `own` cannot be one of `members`; null = it can. */
export function incompatibility(own: ProtocolVersions, members: readonly Member[]): string | null {
  const level = clusterLevel(members);
  if (level === undefined || (own.min <= level && level <= own.max)) return null;
  const speaks = own.min === own.max ? `version ${own.max}` : `versions ${own.min} to ${own.max}`;
  const fix =
    level > own.max
      ? "Start a release that speaks it: a cluster does not go back."
      : "Upgrade all processes to a release in between first.";
  return `The cluster speaks version ${level} of its protocol, this process ${speaks}. ${fix}`;
}
