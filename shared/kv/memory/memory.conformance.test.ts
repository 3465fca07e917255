import { systemClock } from "@millrace/clock/system.ts";
import { kvConformance } from "../conformance.ts";
import { MemoryKv } from "./store.ts";

kvConformance("memory", () => {
  const store = new MemoryKv(systemClock);
  return Promise.resolve({
    connect: (name) => Promise.resolve(store.connect(name)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
