import { systemClock } from "@millrace/clock/system.ts";
import { archiveConformance } from "../conformance.ts";
import { MemoryArchive } from "./memory-archive.ts";

archiveConformance("memory", () => {
  const archive = new MemoryArchive(systemClock);
  return Promise.resolve({
    open: () => Promise.resolve(archive),
    damage: (name) => {
      archive.damage(name);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
