import { runId, tenantId, workflowName } from "@millrace/model/ids.ts";
import type { RunMessage } from "@millrace/model/messages.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { acknowledge, type Sending, send, standing, wayOf } from "./ways.ts";

const BETWEEN = { from: runId("0000000000010000000a"), to: runId("00000000002a0000000b"), tenant: tenantId("t") };
const PLACE = { epoch: 1, step: 0, item: -1, attempt: 1 };
const STOP: RunMessage = { type: "stop-child", ...BETWEEN, mode: "cancel" };
const FAILURE = { code: "NO", class: "permanent", message: "", guidance: "", retryAfterMs: 0 } as const;

describe("a way", () => {
  it("is the slots of both runs and the lane", () => {
    const way = { from: 1, to: 74 };
    expect(wayOf(STOP)).toEqual({ ...way, lane: "start" });
    const start = { type: "start-child", ...BETWEEN, ...PLACE, workflow: workflowName("w"), version: 0 } as const;
    expect(wayOf(start)).toEqual({ ...way, lane: "start" });
    expect(wayOf({ type: "child-started", ...BETWEEN, ...PLACE })).toEqual({ ...way, lane: "answer" });
    expect(wayOf({ type: "child-refused", ...BETWEEN, ...PLACE, failure: FAILURE }).lane).toBe("answer");
    expect(wayOf({ type: "child-ended", ...BETWEEN, ...PLACE, status: "failed" }).lane).toBe("answer");
  });
});

describe("messages over a link that loses, repeats and mixes up", () => {
  it("I3: are applied once and in order, if they are sent until they are acknowledged", () => {
    const happening = fc.record({ what: fc.nat(4), which: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 80 }), (history) => {
        const sending: Sending = { acked: 0, waiting: [] };
        const link: number[] = [];
        const applied: number[] = [];
        let sent = 0;
        for (const { what, which } of history) {
          if (what === 0) expect(send(sending, STOP)).toBe(++sent);
          // Anything that waits may be on the way, any number of times.
          if (what === 1 && which < sending.waiting.length) link.push(sending.acked + 1 + which);
          if (what >= 2 && link.length > 0) {
            const at = which % link.length;
            const arrived = link[at] ?? 0;
            // Otherwise it comes once more.
            if (what > 2) link.splice(at, 1);
            const kind = standing(applied.length, arrived);
            if (kind === "next") applied.push(arrived);
            if (kind !== "early") acknowledge(sending, Math.max(sending.acked, arrived));
          }
        }
        expect(applied).toEqual(applied.map((_, index) => index + 1));
        expect(sending.acked).toBeLessThanOrEqual(applied.length);
        expect(sending.acked + sending.waiting.length).toBe(sent);
      }),
    );
  });
});
