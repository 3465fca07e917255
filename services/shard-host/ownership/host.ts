// What a node agent drives: whoever really opens journals, folds and serves. One call at a time for a shard, except that
// `release` may come while `takeOver` is under way.
import type { MapShard } from "@millrace/model/cluster.ts";
import type { Position, ShardId, Term } from "@millrace/model/ids.ts";

/** What became of a take-over. */
export type TakeOver =
  /** The claim is durable, and the shard serves. */
  | { readonly type: "serving" }
  /** It is not served here, and nothing of it is held. Trying again may help. */
  | { readonly type: "failed"; readonly reason: string }
  /** `release` was called meanwhile. */
  | { readonly type: "released" };

export interface TakeOverTerms {
  /**
   * Whether this process may still claim the shard. To be asked after the journal's tail was read, immediately before the
   * claim is sent; if not, the take-over fails. So no claim is made on top of that of a later owner, which may answer
   * reads from memory for as long as it has a lease.
   */
  readonly mayClaim: () => boolean;
  /** To be called once when service ends by itself: an append was stale, or state is broken. Nothing is held any more. */
  readonly lost: (reason: string) => void;
}

/** How far a shard is that this process hosts. */
export interface ShardProgress {
  readonly shard: ShardId;
  readonly term: Term;
  /** The newest record it has folded. */
  readonly position: Position;
  /** Records it knows of and has not folded yet. */
  readonly lag: number;
  /** Of a standby: whether it follows closely enough to take over within the blink of an eye. */
  readonly isCaughtUp: boolean;
  /** Of a standby: take-ups that failed one after the other; it goes on trying by itself. */
  readonly failures: number;
}

export interface ShardHost {
  /** Begins to follow the shard's journal. */
  startStandby(shard: MapShard): void;
  /** Ends following; what is on disk may stay for the next time. */
  drop(shard: ShardId): Promise<void>;
  /** From nothing, or from a standby: opens the journal (which fences others), folds to its tail, claims, serves. */
  takeOver(shard: MapShard, terms: TakeOverTerms): Promise<TakeOver>;
  /**
   * Ends service, or the take-over under way: intake closed, the record under way settled, replies sent. Nothing is held
   * afterwards.
   */
  release(shard: ShardId): Promise<void>;
  progress(): readonly ShardProgress[];
  /** How much this process has to do: commands that wait, and tasks. */
  load(): number;
}
