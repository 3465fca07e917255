import type { Origin } from "@millrace/link/link.ts";
import { runId } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { EndWatch } from "./end-watch.ts";

const RUN = runId("00000000100000000001");
const origin = (): Origin => ({ replied: () => undefined, ended: () => undefined });

describe("those who wait for a run's end", () => {
  it("are told once", () => {
    const watch = new EndWatch();
    const one = origin();
    watch.add(RUN, one, 1);
    watch.add(RUN, one, 2);
    expect(watch.take(RUN)).toEqual([
      { origin: one, ref: 1 },
      { origin: one, ref: 2 },
    ]);
    expect(watch.take(RUN)).toBeUndefined();
  });

  it("I9: are not told, and not kept, once their stream is over, however often they come again", () => {
    const watch = new EndWatch();
    for (let round = 0; round < 5000; round++) {
      const stream = origin();
      watch.add(RUN, stream, round);
      watch.forget(stream);
    }
    expect(watch.take(RUN)?.length).toBe(0);
    expect(watch.runs()).toEqual([]);
  });

  it("I9: leave nothing behind when many streams went and nobody looked at their runs again", () => {
    const watch = new EndWatch();
    for (let n = 0; n < 1024; n++) {
      const stream = origin();
      watch.add(runId(String(n).padStart(20, "0")), stream, n);
      watch.forget(stream);
    }
    expect(watch.runs()).toEqual([]);
  });
});
