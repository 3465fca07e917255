// The account of a moment, as a table for a terminal and as one line for a pipe.
import type { Hosted } from "./cluster-node.ts";
import type { Screen } from "./screen.ts";

export interface NodeAccount {
  readonly name: string;
  /** undefined = it does not answer. */
  readonly hosted: Hosted | undefined;
}

export interface Account {
  /** Since the cluster was up, ms. */
  readonly atMs: number;
  readonly nodes: readonly NodeAccount[];
  readonly started: number;
  readonly ended: number;
  readonly startedPerSecond: number;
  readonly endedPerSecond: number;
  /** The longest that anybody waits now, or waited who was answered in the last second: to hear that a run is durable. */
  readonly longestWaitMs: number;
}

/** How wide a bar of shards may become. */
const BAR_MAX = 12;

/** Characters of the table's columns; the last one is free. */
const WIDTHS = [8, 6, 11];

/** `12.0 s  node-1 2+2  node-2 away  …`: shards owned, and stood by for. */
export function accountLine({ atMs, nodes, ...runs }: Account): string {
  return [
    `${(atMs / 1000).toFixed(1).padStart(6)} s`,
    ...nodes.map(
      ({ name, hosted }) => `${name} ${hosted === undefined ? "away" : `${hosted.owns}+${hosted.standsBy}`}`,
    ),
    `started ${Math.round(runs.startedPerSecond)}/s`,
    `ended ${Math.round(runs.endedPerSecond)}/s`,
    `longest wait ${shownMs(runs.longestWaitMs)}`,
  ].join("  ");
}

export function accountTable(account: Account, screen: Screen): string {
  const rows = account.nodes.map(({ name, hosted }) => {
    if (hosted === undefined) return row([name, screen.styled("red", "away")]);
    const bar = "■".repeat(Math.min(hosted.owns, BAR_MAX)) + "□".repeat(Math.min(hosted.standsBy, BAR_MAX));
    return row([name, hosted.owns, hosted.standsBy, screen.styled("green", bar)]);
  });
  return [
    "",
    screen.styled("dim", row(["NODE", "OWNS", "STANDS BY", "SHARDS"])),
    ...rows,
    `  ${(account.atMs / 1000).toFixed(0)} s: started ${count(account.started)} (${Math.round(account.startedPerSecond)}/s), ended ${count(account.ended)} (${Math.round(account.endedPerSecond)}/s), longest wait ${shownMs(account.longestWaitMs)}`,
  ].join("\n");
}

function row(cells: readonly (string | number)[]): string {
  return `  ${cells.map((cell, column) => String(cell).padEnd(WIDTHS[column] ?? 0)).join("")}`.trimEnd();
}

/** A number for people: `12,345`. */
export function count(number: number): string {
  return number.toLocaleString("en");
}

/** `12 ms`, `1.2 s`. */
export function shownMs(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
