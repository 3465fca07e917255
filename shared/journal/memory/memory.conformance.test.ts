import { systemClock } from "@millrace/clock/system.ts";
import { journalConformance } from "../conformance.ts";
import { followConformance } from "../follow-conformance.ts";
import { followMemoryJournal } from "./follow.ts";
import { MemoryLog } from "./log.ts";
import { openMemoryJournal } from "./open.ts";

journalConformance("memory", () => {
  const log = new MemoryLog();
  return Promise.resolve({
    secondOpening: "fences",
    open: () => openMemoryJournal(log, systemClock),
    leaveBehindTail: (bytes) => {
      log.leaveBehindTail(Buffer.from(bytes));
      return Promise.resolve();
    },
    damage: (at) => {
      log.damage(at);
      return Promise.resolve();
    },
    setFull: (isFull) => {
      log.isFull = isFull;
    },
    doubtNextAppend: () => {
      log.failNext({ type: "unknown", written: true });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

followConformance("memory", () => {
  const log = new MemoryLog();
  return Promise.resolve({
    open: () => openMemoryJournal(log, systemClock),
    follow: (options) => followMemoryJournal(log, systemClock, options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
