// Everything a shard holds in memory about its runs. Dropped as a whole when an append did not end `appended`: state is
// never undone in place, it is loaded again (DESIGN §2).
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { TaskHolder } from "@millrace/link/local-shard.ts";
import type { Store } from "@millrace/store/store.ts";
import { Actors } from "./actors.ts";
import { BlobLoads } from "./blob-loads.ts";
import { BlobTexts } from "./blob-texts.ts";
import { Dispatch } from "./dispatch/dispatch.ts";
import { Keys } from "./keys.ts";
import { Ways } from "./outbox/ways.ts";
import { Plans } from "./plans.ts";
import { Timers } from "./timers.ts";

export interface ShardMemory {
  readonly plans: Plans;
  readonly actors: Actors;
  readonly keys: Keys;
  readonly ways: Ways;
  readonly texts: BlobTexts;
  readonly loads: BlobLoads;
  readonly dispatch: Dispatch;
  readonly timers: Timers;
}

/** What memory reads from. */
export interface MemoryParts {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly clock: Clock;
}

export function emptyMemory({ store, blobs, clock }: MemoryParts, holders: ReadonlySet<TaskHolder>): ShardMemory {
  const plans = new Plans();
  const actors = new Actors(store, plans);
  const texts = new BlobTexts(blobs);
  const loads = new BlobLoads(texts, clock);
  const dispatch = new Dispatch(holders);
  const ways = new Ways(store);
  return { plans, actors, keys: new Keys(store), ways, texts, loads, dispatch, timers: new Timers() };
}

/** What a standby has folded, for an owner to go on with: what only owners have begins empty. */
export function adopted(memory: ShardMemory, holders: ReadonlySet<TaskHolder>): ShardMemory {
  // Its timers are not in the new heap.
  for (const actor of memory.actors.live.values()) actor.armedMs = 0;
  return { ...memory, dispatch: new Dispatch(holders), timers: new Timers() };
}
