import type { ProcessId } from "@millrace/model/ids.ts";
import type { Board, Seats } from "./board.ts";
import { nextLife } from "./lost-owners.ts";

/**
 * How long a standby's seat waits for a process that is gone: a restart is over by then, and what it has on its disk saves
 * another one from beginning with a snapshot.
 */
export const STANDBY_PATIENCE_MS = 15_000;

/** Gives every shard with an owner a standby, if there is a process for it. */
export function fillStandbys(board: Board): void {
  for (const seats of board.seats) {
    const { owner, standby } = seats;
    // Nothing can be followed of an owner that is gone: whoever comes is its heir.
    if (owner === null || board.standing(owner) === "gone") continue;
    if (standby !== null && board.standing(standby) !== "gone") continue;
    const reborn = nextLife(standby, board.takers);
    if (reborn !== undefined && reborn !== owner) {
      board.standBy(seats, reborn);
      continue;
    }
    if (standby !== null && board.goneForMs(standby) < STANDBY_PATIENCE_MS) continue;
    const found = leastStandingBy(board, seats);
    if (found !== null) board.standBy(seats, found);
  }
}

/** Who stands by least, but for the owner and the standby there is; among equals who does so least for this owner. */
export function leastStandingBy(board: Board, seats: Seats): ProcessId | null {
  const { owner, standby } = seats;
  let best: ProcessId | null = null;
  // Among equals the next one behind the owner, so that neighbours do not all choose the same.
  const behind = board.takers.findIndex((process) => owner !== null && process > owner);
  for (const process of [...board.takers.slice(behind), ...board.takers.slice(0, behind)]) {
    if (process === owner || process === standby) continue;
    if (best === null || isLess(board, seats, process, best)) best = process;
  }
  return best;
}

function isLess(board: Board, seats: Seats, left: ProcessId, right: ProcessId): boolean {
  const difference = board.standingBy(left) - board.standingBy(right);
  if (difference !== 0) return difference < 0;
  // Spread, so that no single process inherits everything when this owner is lost.
  return pairs(board, seats.owner, left) < pairs(board, seats.owner, right);
}

function pairs(board: Board, owner: ProcessId | null, standby: ProcessId): number {
  let found = 0;
  for (const seats of board.seats) if (seats.owner === owner && seats.standby === standby) found++;
  return found;
}
