// Moves that are no hurry. A shard moves in two rounds: its new owner first becomes its standby; once that has caught up
// they swap. Where a move stands follows from the map and from what the processes say: nothing else is remembered.
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Board, Seats } from "./board.ts";
import { leastStandingBy } from "./vacant-standbys.ts";

/** Shards that are on the move at a time: each costs its callers a short pause, and its new owner a boot. */
export const MOVES_MAX = 2;

interface Plan {
  readonly board: Board;
  /** How many shards more each process should own; negative = how many fewer. */
  readonly deficits: Map<ProcessId, number>;
  /** Shards that may still be moved in this round; those that must come first. */
  readonly movable: Set<Seats>;
  /** How many more may be on the move. */
  budget: number;
}

/** Moves shards off processes that give them away, and from those with many to those with few. */
export function movePlanned(board: Board): void {
  const plan: Plan = {
    board,
    deficits: deficitsOf(board),
    movable: new Set(movableShards(board)),
    budget: MOVES_MAX - unsettled(board),
  };
  swap(plan);
  awaitCatchingUp(plan);
  prepare(plan);
  relieve(board, Math.min(plan.budget, MOVES_MAX - catchingUp(board)));
}

/** While owners are being lost, nothing is moved for balance alone. */
function movableShards(board: Board): Seats[] {
  const serving = board.seats.filter((seats) => board.isServing(seats));
  const isTroubled = board.seats.some(
    ({ shard }) => shard.owner !== null && ["fading", "gone"].includes(board.standing(shard.owner)),
  );
  const must = serving.filter((seats) => mustMove(board, seats));
  return isTroubled ? must : [...must, ...serving.filter((seats) => !mustMove(board, seats))];
}

function mustMove(board: Board, { owner }: Seats): boolean {
  return owner !== null && board.isGivingAway(owner);
}

/** How many owners live and do not serve yet, nor have failed to. */
function unsettled(board: Board): number {
  return board.seats.filter((seats) => {
    if (seats.owner === null || board.standing(seats.owner) === "gone" || board.isServing(seats)) return false;
    return board.hosted(seats, seats.owner)?.state !== "failed";
  }).length;
}

/** How many standbys live and have not caught up yet, nor failed to. */
function catchingUp(board: Board): number {
  return board.seats.filter((seats) => {
    if (seats.standby === null || board.standing(seats.standby) === "gone" || board.isStandbyReady(seats)) return false;
    return board.hosted(seats, seats.standby)?.state !== "failed";
  }).length;
}

/** Those who have most may keep the remainder of the division: the fewest moves lead there. */
function deficitsOf(board: Board): Map<ProcessId, number> {
  const { takers } = board;
  const shards = board.seats.filter(
    ({ owner }) => owner !== null && (board.standing(owner) === "fit" || board.isGivingAway(owner)),
  ).length;
  const share = Math.floor(shards / takers.length);
  const remainder = shards % takers.length;
  const ranked = takers.toSorted((left, right) => board.owned(right) - board.owned(left));
  return new Map(ranked.map((process, rank) => [process, share + (rank < remainder ? 1 : 0) - board.owned(process)]));
}

/** Whether moving the shard to `target` brings both closer to their share. */
function helps({ board, deficits }: Plan, seats: Seats, target: ProcessId | null): boolean {
  if (seats.owner === null || target === null || (deficits.get(target) ?? 0) <= 0) return false;
  return mustMove(board, seats) || (deficits.get(seats.owner) ?? 0) < 0;
}

/** Takes note of a move that takes place, or will. */
function settle({ deficits, movable }: Plan, seats: Seats, from: ProcessId, to: ProcessId): void {
  const surplus = deficits.get(from);
  if (surplus !== undefined) deficits.set(from, surplus + 1);
  deficits.set(to, (deficits.get(to) ?? 0) - 1);
  movable.delete(seats);
}

function swap(plan: Plan): void {
  const { board } = plan;
  for (const seats of plan.movable) {
    const { owner, standby } = seats;
    if (plan.budget <= 0) return;
    if (owner === null || standby === null || !helps(plan, seats, standby) || !board.isStandbyReady(seats)) continue;
    const isGivenAway = mustMove(board, seats);
    board.own(seats, standby, owner);
    board.standBy(seats, isGivenAway ? leastStandingBy(board, seats) : owner);
    settle(plan, seats, owner, standby);
    plan.budget--;
  }
}

/** Targets that stand by already, and have yet to catch up or to be swapped. */
function awaitCatchingUp(plan: Plan): void {
  for (const seats of plan.movable) {
    const { owner, standby } = seats;
    if (owner === null || standby === null || !helps(plan, seats, standby)) continue;
    settle(plan, seats, owner, standby);
    plan.budget--;
  }
}

/** Makes processes that have too little the standbys of shards of others. */
function prepare(plan: Plan): void {
  while (plan.budget > 0) {
    const target = neediest(plan);
    const seats = target === undefined ? undefined : leastMissed(plan, target);
    if (target === undefined || seats === undefined || seats.owner === null) return;
    plan.board.standBy(seats, target);
    settle(plan, seats, seats.owner, target);
    plan.budget--;
  }
}

function neediest({ deficits }: Plan): ProcessId | undefined {
  let best: ProcessId | undefined;
  let most = 0;
  for (const [process, deficit] of deficits)
    if (deficit > most) {
      best = process;
      most = deficit;
    }
  return best;
}

/** The shard whose change of standby costs least: one that must move, else one without any. */
function leastMissed(plan: Plan, target: ProcessId): Seats | undefined {
  let best: Seats | undefined;
  for (const seats of plan.movable) {
    if (!helps(plan, seats, target)) continue;
    if (best === undefined || cost(plan, seats) < cost(plan, best)) best = seats;
  }
  return best;
}

function cost({ board, deficits }: Plan, seats: Seats): number {
  if (mustMove(board, seats)) return Number.NEGATIVE_INFINITY;
  const hasStandby = seats.standby !== null && board.standing(seats.standby) !== "gone";
  const deficit = seats.owner === null ? 0 : (deficits.get(seats.owner) ?? 0);
  return (hasStandby ? board.seats.length : 0) + deficit;
}

/** Takes standbys off processes that give away what they have. */
function relieve(board: Board, budget: number): void {
  let relieved = 0;
  for (const seats of board.seats) {
    const { owner, standby } = seats;
    if (relieved >= budget) return;
    // While the owner gives the shard away as well, a standby is what it waits for.
    if (standby === null || owner === null || !board.isGivingAway(standby) || mustMove(board, seats)) continue;
    board.standBy(seats, leastStandingBy(board, seats));
    relieved++;
  }
}
