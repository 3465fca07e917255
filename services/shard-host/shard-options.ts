import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { OpenJournal } from "@millrace/journal/journal.ts";
import type { Shards } from "@millrace/link/link.ts";
import type { ShardId } from "@millrace/model/ids.ts";
import type { Store } from "@millrace/store/store.ts";
import type { FindDefinition } from "./decider.ts";

/** What a shard is made of; the composition decides which adapters. */
export interface ShardOptions {
  readonly id: ShardId;
  /** Name of the process, put into the claim of every term. */
  readonly node: string;
  readonly openJournal: OpenJournal;
  /** Open; the shard closes it when it stops. */
  readonly store: Store;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly findDefinition: FindDefinition;
  /** The shards of all runs, this one included: where messages of its runs go. Each envelope is answered to the origin. */
  readonly submit: Shards["submit"];
  /** Whether nobody else can own the shard at this instant. Where only one process can have the journal: always. */
  readonly leased: () => boolean;
  /** null = no other process can ever own it. */
  readonly terms: OwnershipTerms | null;
  readonly observer: ShardObserver;
}

/** Where other processes may own the shard: what binds this one to its seat. */
export interface OwnershipTerms {
  /**
   * Whether this process may open the journal, which fences others, and claim the shard now. Asked before the one and again
   * right before the other: no claim is made on top of that of a later owner.
   */
  readonly mayClaim: () => boolean;
  /** The shard is not served here any more, and nothing of it is held. Called once at most, after it was open. */
  readonly lost: (reason: string) => void;
}

/** This process does not own the shard, or not any more. */
export class NotOwned extends Error {
  override readonly name = "NotOwned";
}

/** Hears what a shard does, for logs and metrics. Must not call back into the shard. */
export interface ShardObserver {
  /** Records read so far while recovering. */
  recovering(records: number): void;
  /** Ready to serve. */
  recovered(found: {
    readonly records: number;
    readonly events: number;
    readonly live: number;
    readonly term: number;
  }): void;
  /** A record became durable, this long after it was sent. */
  appended(record: {
    readonly commands: number;
    readonly events: number;
    readonly bytes: number;
    readonly ms: number;
  }): void;
  checkpointed(checkpoint: {
    readonly outcome: "written" | "full" | "failed";
    readonly ms: number;
    readonly reason: string;
  }): void;
  /** Some blob that a run reads cannot be read now; the run waits, and it is tried again. */
  unreadable(reason: string): void;
  /** Memory was dropped and is read back. */
  failed(reason: string): void;
}
