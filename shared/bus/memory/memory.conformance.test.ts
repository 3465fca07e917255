import { systemClock } from "@millrace/clock/system.ts";
import { busConformance } from "../conformance.ts";
import { MemoryBus } from "./hub.ts";

busConformance("memory", () => {
  const hub = new MemoryBus(systemClock);
  return Promise.resolve({
    connect: (name) => Promise.resolve(hub.connect(name)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
