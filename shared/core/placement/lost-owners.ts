import type { ProcessId } from "@millrace/model/ids.ts";
import { nameOfProcess } from "../process-id.ts";
import type { Board, Seats } from "./board.ts";

/** Take-overs that fail one after the other before a standby is to try: a few seconds of trying. */
export const FAILURES_MAX = 3;

/**
 * How long a shard that nobody follows waits for the process that has its data to come back before another one begins
 * with nothing: when all are started at once, they do not appear at once.
 */
export const ORPHAN_PATIENCE_MS = 2_000;

/** Gives every shard whose owner is lost, leaves or fails to whoever can take over soonest. */
export function replaceLostOwners(board: Board): void {
  for (const seats of board.seats) {
    const { owner, standby } = seats;
    const need = needOf(board, seats);
    if (need === "none") continue;
    const heir = need === "failing" ? readyStandby(board, seats) : heirOf(board, seats);
    if (heir === null) continue;
    board.own(seats, heir, need === "lost" ? stillThere(board, seats.previous, heir) : owner);
    if (standby === null || isSameName(standby, heir)) {
      // Where the data lie is remembered, for when their process returns, unless that is the heir.
      board.standBy(seats, isSameName(owner, heir) ? null : owner);
    }
  }
}

type Need =
  | "none"
  /** It lives, but cannot be relied upon: it is asked to let go. */
  | "unreliable"
  /** It cannot take over. */
  | "failing"
  | "lost";

function needOf(board: Board, seats: Seats): Need {
  const { owner } = seats;
  if (owner === null) return "lost";
  const hosted = board.hosted(seats, owner);
  switch (board.standing(owner)) {
    case "gone":
      return "lost";
    case "leaving":
      return "unreliable";
    case "unfit":
      // Who does not serve yet will not begin to.
      return board.isServing(seats) ? "none" : "unreliable";
    case "fit":
      return hosted?.role === "owner" && hosted.failures >= FAILURES_MAX ? "failing" : "none";
    case "fading":
      return "none";
  }
}

/** Whoever was asked to let go of the shard may not have done so yet: the lost one may never have had it. */
function stillThere(board: Board, previous: ProcessId | null, heir: ProcessId): ProcessId | null {
  return previous === null || previous === heir || board.standing(previous) === "gone" ? null : previous;
}

function readyStandby(board: Board, seats: Seats): ProcessId | null {
  const { standby } = seats;
  return standby !== null && board.standing(standby) === "fit" && board.isStandbyReady(seats) ? standby : null;
}

/** The standby, else who has the data on its disk, else whoever has least; null = nobody, or not yet. */
function heirOf(board: Board, seats: Seats): ProcessId | null {
  const { owner, standby } = seats;
  if (standby !== null && board.standing(standby) === "fit") return standby;
  const others = board.takers.filter((process) => process !== owner);
  const reborn = nextLife(owner, others);
  if (reborn !== undefined) return reborn;
  if (owner !== null && board.standing(owner) === "gone" && board.goneForMs(owner) < ORPHAN_PATIENCE_MS) return null;
  const standbyReborn = nextLife(standby, others);
  if (standbyReborn !== undefined) return standbyReborn;
  const candidates = others.length > 0 ? others : board.drainingButFit().filter((process) => process !== owner);
  let best: ProcessId | null = null;
  for (const process of candidates) if (best === null || load(board, process) < load(board, best)) best = process;
  return best;
}

/** The process of the same name: what the lost one kept on its disk is there. */
export function nextLife(lost: ProcessId | null, processes: readonly ProcessId[]): ProcessId | undefined {
  return processes.find((process) => isSameName(lost, process));
}

function isSameName(left: ProcessId | null, right: ProcessId): boolean {
  return left !== null && nameOfProcess(left) === nameOfProcess(right);
}

/** Owned shards count; standbys only break ties. */
function load(board: Board, process: ProcessId): number {
  return board.owned(process) + board.standingBy(process) / (board.seats.length + 1);
}
