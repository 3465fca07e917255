import type { ProcessId } from "@millrace/model/ids.ts";
import type { Board, Seats } from "./board.ts";

/** Moves one standby from who has most of them to who has least, once everything else has come to rest. */
export function balanceStandbys(board: Board): void {
  if (!board.seats.every((seats) => board.isServing(seats) && board.isStandbyReady(seats))) return;
  const ranked = board.takers.toSorted((left, right) => board.standingBy(left) - board.standingBy(right));
  for (const from of ranked.toReversed())
    for (const to of ranked) {
      if (board.standingBy(from) - board.standingBy(to) < 2) break;
      const seats = standbyOf(board, from, to);
      if (seats === undefined) continue;
      board.standBy(seats, to);
      return;
    }
}

function standbyOf(board: Board, from: ProcessId, to: ProcessId): Seats | undefined {
  return board.seats.find(({ owner, standby }) => standby === from && owner !== to);
}
