import { systemClock } from "@millrace/clock/system.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { openFileJournal } from "../file/open.ts";
import { ledgerConformance } from "../ledger-conformance.ts";
import { soleWriter } from "../sole-writer.ts";
import { LedgerLog, openMemoryLedger } from "./ledger.ts";
import { MemoryLog } from "./log.ts";
import { openMemoryJournal } from "./open.ts";

ledgerConformance("memory", () => {
  const log = new LedgerLog();
  return Promise.resolve({
    open: openMemoryLedger(log, systemClock),
    isShared: true,
    doubtNextAppend: () => {
      log.doubt = { written: true };
    },
    heard: (handle) => handle.catchUp(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

ledgerConformance("sole writer's memory", () => {
  const log = new MemoryLog();
  return Promise.resolve({
    open: soleWriter(() => openMemoryJournal(log, systemClock)),
    isShared: false,
    doubtNextAppend: () => log.failNext({ type: "unknown", written: false }),
    heard: (handle) => handle.catchUp(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

ledgerConformance("sole writer's file", async () => {
  const folder = await tempFolder();
  let doubted = false;
  return {
    open: soleWriter(async () => {
      const journal = await openFileJournal(folder.path);
      const append = journal.append.bind(journal);
      journal.append = (expected, frame, done) =>
        append(expected, frame, (outcome) => {
          const isDoubtful = doubted;
          doubted = false;
          done(isDoubtful ? { type: "unknown", reason: "somebody lost the answer" } : outcome);
        });
      return journal;
    }),
    isShared: false,
    doubtNextAppend: () => {
      doubted = true;
    },
    heard: (handle) => handle.catchUp(),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
});
