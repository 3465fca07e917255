// Shares credits among shards by how many tenants wait there (I7): a tenant's part of the workers does not depend on how
// many tasks it has, nor on how few others share its shard.

/** One of those who share. */
export interface Sharer {
  /** How many tenants wait; 0 = it gets nothing. */
  readonly tenants: number;
  /** What it is owed of earlier shares that could not be split: between -1 and 1. */
  owed: number;
}

/**
 * Splits `credits` in proportion to `tenants`, into whole numbers that add up to it; nothing when nobody waits. What is
 * rounded off for one is owed to it the next time.
 */
export function shareCredits(sharers: readonly Sharer[], credits: number): number[] {
  const total = sharers.reduce((sum, { tenants }) => sum + tenants, 0);
  if (total === 0) return sharers.map(() => 0);
  const due = sharers.map(({ tenants, owed }) => (tenants === 0 ? 0 : (credits * tenants) / total + owed));
  const shares = due.map((each) => Math.max(0, Math.floor(each)));
  let left = credits - shares.reduce((sum, share) => sum + share, 0);
  const byRest = due
    .map((each, index) => ({ index, rest: each - (shares[index] ?? 0) }))
    .filter(({ index }) => (sharers[index]?.tenants ?? 0) > 0)
    .toSorted((one, other) => other.rest - one.rest);
  // What was owed can make the whole numbers too many, or leave more over than there are sharers.
  for (let turn = 0; left !== 0; turn++) {
    const at = left > 0 ? turn % byRest.length : byRest.length - 1 - (turn % byRest.length);
    const index = byRest[at]?.index ?? 0;
    const share = shares[index] ?? 0;
    if (left < 0 && share === 0) continue;
    shares[index] = share + Math.sign(left);
    left -= Math.sign(left);
  }
  for (const [index, sharer] of sharers.entries())
    if (sharer.tenants > 0) sharer.owed = bounded((due[index] ?? 0) - (shares[index] ?? 0));
  return shares;
}

function bounded(owed: number): number {
  return Math.max(-1, Math.min(1, owed));
}
