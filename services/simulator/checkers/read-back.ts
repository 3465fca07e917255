// Reads a shard back as a process that takes over would, without taking over.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { encodeRunState } from "@millrace/codec/run-state-v1.ts";
import type { Journal, JournalRecord, JournalTail } from "@millrace/journal/journal.ts";
import { firstHeld, type MemoryLog } from "@millrace/journal/memory/log.ts";
import { decodeRecord, tailAfter } from "@millrace/journal/record.ts";
import { type Position, position } from "@millrace/model/ids.ts";
import { emptyMemory } from "@millrace/shard-host/memory.ts";
import { recover } from "@millrace/shard-host/recovery.ts";
import { Replay } from "@millrace/shard-host/replay.ts";
import { openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { Disk } from "../server.ts";
import type { Recovered } from "./observation.ts";
import { nameOfWay } from "./true-ways.ts";

export async function readBack(disk: Disk, blobs: Blobs, clock: Clock): Promise<Recovered> {
  const store = openMemoryStore({ disk: disk.store });
  const memory = emptyMemory({ store, blobs, clock }, new Set());
  await recover(new Replay(memory, store), new OpenBook(disk.log), () => {});
  return {
    run(runId) {
      const actor = memory.actors.load(runId);
      return actor === undefined ? undefined : { position: actor.position, bytes: encodeRunState(actor.run) };
    },
    key: (tenant, key) => memory.keys.get(tenant, key)?.runId,
    waiting: new Map(
      [...memory.ways.outgoing.values()]
        .filter(({ waiting }) => waiting.length > 0)
        .map((way) => [nameOfWay(way), way]),
    ),
    standing: (way, number) => memory.ways.standing(way, number),
  };
}

/** A journal that can only be read, and fences nobody. */
class OpenBook implements Journal {
  readonly #log: MemoryLog;

  constructor(log: MemoryLog) {
    this.#log = log;
  }

  tail(): JournalTail {
    return this.#log.tail;
  }

  async read(from: Position, visit: (record: JournalRecord) => void): Promise<void> {
    let previous = this.#log.base;
    if (from < firstHeld(this.#log)) throw new Error(`Records from ${from} on were truncated.`);
    while (previous.position < this.#log.tail.position) {
      const frame = this.#log.frame(position(previous.position + 1)) ?? Buffer.alloc(0);
      const decoded = decodeRecord(frame, 0, previous);
      if (decoded.type !== "record") throw new Error(`No record can be read behind ${previous.position}.`);
      if (decoded.record.position >= from) visit(decoded.record);
      previous = tailAfter(previous, frame);
    }
    await Promise.resolve();
  }

  append(): void {
    throw new Error("Nobody writes while reading back.");
  }

  async truncateBefore(): Promise<void> {
    await Promise.resolve();
  }

  bytes(): number {
    return this.#log.bytes;
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }
}
