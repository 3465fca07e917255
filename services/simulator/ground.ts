// What a world's processes stand on: its disks, with the taps where chaos and the jury come in.
import type { AppendOutcome } from "@millrace/journal/journal.ts";
import type { JournalTap } from "./faults/tapped-journal.ts";
import type { StoreTap } from "./faults/tapped-store.ts";
import type { Disk, Ground, Server } from "./server.ts";
import type { World } from "./world.ts";

/** Records read between two steps of a take-over. */
const RECORDS_A_STEP = 5;

export function ground(world: World): Ground {
  const disk = (shard: number): Disk => {
    const found = world.disks[shard];
    if (found === undefined) throw new Error(`There is no shard ${shard}.`);
    return found;
  };
  return {
    clock: world.clock,
    disks: world.disks,
    registry: world.registry,
    blobs: world.blobs,
    blobTap: () => ({ reading: (runId, ref) => world.chaos.blobRead(runId, ref) }),
    journalTap: (server, shard) => journalTap(world, server, shard, disk(shard)),
    storeTap: (server, shard) => storeTap(world, server, shard),
    linkTap: () => ({
      message: () => world.chaos.passage("message"),
      answer: () => world.chaos.passage("answer"),
      answered: (reply) => {
        const answer = reply.type === "refused" ? reply.refusal.code : reply.repeated ? "repeated" : "done";
        world.coverage.count(`message answered: ${answer}`);
      },
    }),
    sliceOutcome: () => world.chaos.sliceOutcome(),
    resultAnswered: (command, reply) => {
      const call = { ref: world.nextRef(), command, notifyEnd: false, sentAt: world.sentAt(command) };
      world.see({ type: "reply", call, reply });
    },
    observer: (server, shard) => ({
      recovering() {},
      recovered: ({ records, live, term }) =>
        world.trace(`process ${server.serial} shard ${shard} is back: ${records} records, ${live} live, term ${term}`),
      appended() {},
      checkpointed: ({ outcome }) => world.trace(`process ${server.serial} shard ${shard} checkpoint ${outcome}`),
      unreadable: (reason) => world.trace(`process ${server.serial} shard ${shard} cannot read a blob: ${reason}`),
      failed: (reason) => {
        world.trace(`process ${server.serial} shard ${shard} failed: ${reason}`);
        world.see({ type: "disturbed" });
      },
    }),
  };
}

function journalTap(world: World, server: Server, shard: number, disk: Disk): JournalTap {
  let records = 0;
  return {
    sending: (frame, isClaim) => {
      if (!server.isUsurped) world.chaos.sending(disk, frame, isClaim);
    },
    appended: (position) => world.see({ type: "appended", shard, position, writer: server.serial }),
    ended: (outcome: AppendOutcome) => world.trace(`process ${server.serial} shard ${shard} append ${outcome.type}`),
    read: () => {
      records++;
      world.chaos.reading();
      return records % RECORDS_A_STEP === 0 ? new Promise((resolve) => server.clock.soon(resolve)) : Promise.resolve();
    },
  };
}

function storeTap(world: World, server: Server, shard: number): StoreTap {
  return {
    get isOpen() {
      return !server.isUsurped && !server.isDead;
    },
    writing: () => world.chaos.slice("before"),
    written: ({ live, ended }) => {
      for (const { runId, position, bytes } of live)
        world.see({ type: "stored", shard, runId, stored: { position, bytes, ended: false } });
      for (const { runId, position, bytes } of ended)
        world.see({ type: "stored", shard, runId, stored: { position, bytes, ended: true } });
      world.chaos.slice("after");
    },
    flushing: () => world.chaos.flushing(),
  };
}
