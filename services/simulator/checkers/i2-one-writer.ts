import type { Checker } from "./observation.ts";

/** Positions follow each other, terms and times never go back, and a term has one writer. */
export function oneWriter(): Checker {
  /** Term of a shard's newest record that began one. */
  const terms = new Map<number, number>();
  /** Who wrote a term's records, and who was told that a position is its own. */
  const writers = new Map<string, number>();
  return {
    invariant: "I2",
    see(seen) {
      switch (seen.type) {
        case "record": {
          const { record, previous } = seen;
          if (record.position !== previous.position + 1)
            return `record ${record.position} follows ${previous.position}`;
          if (record.term < previous.term)
            return `record ${record.position} is of term ${record.term}, after ${previous.term}`;
          if (record.timeMs < previous.timeMs) return `record ${record.position} is older than the one before`;
          return undefined;
        }
        case "event": {
          const { shard, event, record } = seen;
          const isNew = terms.get(shard) !== record.term;
          terms.set(shard, record.term);
          if (isNew === (event.type === "shard-claimed")) return undefined;
          return `record ${record.position} of term ${record.term} ${isNew ? "does not begin with" : "repeats"} the claim`;
        }
        case "appended": {
          const name = `${seen.shard}/${seen.position}`;
          if (writers.has(name))
            return `position ${seen.position} was acked to writers ${writers.get(name) ?? 0} and ${seen.writer}`;
          writers.set(name, seen.writer);
          return undefined;
        }
        default:
          return undefined;
      }
    },
  };
}
