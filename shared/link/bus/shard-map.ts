// Which shard a slot belongs to.
import { type ShardId, SLOT_COUNT, type Slot } from "@millrace/model/ids.ts";

/** A shard and its slots. */
export interface SlotRange {
  readonly shard: ShardId;
  /** The first slot, and the one behind the last. */
  readonly from: number;
  readonly until: number;
}

export class ShardMap {
  readonly #ranges: readonly SlotRange[];
  readonly #bySlot: (ShardId | undefined)[] = new Array<ShardId | undefined>(SLOT_COUNT);

  /** Throws RangeError when a slot has two shards; it may have none. */
  constructor(ranges: readonly SlotRange[]) {
    this.#ranges = ranges;
    for (const { shard, from, until } of ranges) {
      for (let slot = from; slot < until; slot++) {
        const other = this.#bySlot[slot];
        if (other !== undefined || slot >= SLOT_COUNT) {
          const problem = other === undefined ? `beyond the last, ${SLOT_COUNT - 1}` : `shard ${other}'s already`;
          throw new RangeError(`Slot ${slot} of shard ${shard} is ${problem}: give each slot one shard.`);
        }
        this.#bySlot[slot] = shard;
      }
    }
  }

  /** Whether these very ranges make this map. */
  isMadeOf(ranges: readonly SlotRange[]): boolean {
    if (ranges.length !== this.#ranges.length) return false;
    return this.#ranges.every(({ shard, from, until }, index) => {
      const other = ranges[index];
      return other?.shard === shard && other.from === from && other.until === until;
    });
  }

  /** undefined = nobody's. */
  shardOf(slot: Slot): ShardId | undefined {
    return this.#bySlot[slot];
  }
}
