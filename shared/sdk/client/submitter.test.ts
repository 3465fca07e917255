// The submitter against a real gRPC server whose handlers the tests write.
import { type ServerDuplexStream, status } from "@grpc/grpc-js";
import { refusal } from "@millrace/errors/refusal.ts";
import { statusOf } from "@millrace/rpc/error-details.ts";
import {
  RunStatus,
  SubmitAnswers,
  type SubmitRunsRequest,
  SubmitRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { describe, expect, test } from "vitest";
import { errorFrom, lost, serve } from "./scripted-server.ts";
import type { EndAnswer, StartAnswer, UnknownOutcome } from "./submitter.ts";

describe("a submitter", () => {
  type Submitting = ServerDuplexStream<SubmitRunsRequest, SubmitRunsResponse>;
  const answer = (call: Submitting, fields: Parameters<typeof SubmitRunsResponse.fromPartial>[0]) =>
    call.write(SubmitRunsResponse.fromPartial(fields));
  const completed = (ref: number) => ({
    ref,
    runId: `r${ref}`,
    status: RunStatus.COMPLETED,
    output: Buffer.from(`${ref}`),
  });

  test("starts runs in batches and hands out their starts and ends", async () => {
    const frames: SubmitRunsRequest[] = [];
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        call.on("data", (frame: SubmitRunsRequest) => {
          frames.push(frame);
          const refs = frame.runs.map(({ ref }) => ref);
          answer(call, { started: refs.map((ref) => ({ ref, runId: `r${ref}` })) });
          answer(call, { ended: refs.map(completed) });
        });
        call.on("end", () => call.end());
      },
    });
    const started: StartAnswer[] = [];
    const ended: EndAnswer[] = [];
    const submitter = served.client.submitter({
      onStarted: (batch) => started.push(...batch),
      onEnded: (batch) => ended.push(...batch),
    });
    expect(submitter.submit([{ workflow: "w", input: 1 }, { workflow: "w" }])).toBe(1);
    expect(submitter.submit(Array.from({ length: 2_500 }, () => ({ workflow: "w" })))).toBe(3);
    expect(submitter.pending).toBe(2_502);
    await submitter.finish();
    expect(frames.map(({ runs }) => runs.length)).toEqual([2_000, 502]);
    expect(frames.map(({ answers }) => answers)).toEqual([SubmitAnswers.STARTS_AND_ENDS, SubmitAnswers.UNSPECIFIED]);
    expect(started.length).toBe(2_502);
    expect(ended.map(({ ref, output }) => [ref, output]).slice(0, 2)).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(submitter.pending).toBe(0);
    expect(() => submitter.submit([{ workflow: "w" }])).toThrow("finished");
  });

  test("hands out refusals, whichever answers it asked for", async () => {
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        call.on("data", () => {
          const error = { code: status.NOT_FOUND, reason: "WORKFLOW_NOT_FOUND", message: "no such" };
          answer(call, { started: [{ ref: 1, error }], ended: [completed(2)] });
        });
        call.on("end", () => call.end());
      },
    });
    const started: StartAnswer[] = [];
    const submitter = served.client.submitter({ answers: "ends", onStarted: (batch) => started.push(...batch) });
    submitter.submit([{ workflow: "x" }, { workflow: "w" }]);
    await submitter.finish();
    expect(started).toMatchObject([{ ref: 1, runId: "", error: { code: "NOT_FOUND", reason: "WORKFLOW_NOT_FOUND" } }]);
  });

  test("after a reconnect sends what has a key again, and reports the rest as unknown", async () => {
    const streams: SubmitRunsRequest[][] = [];
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        const frames: SubmitRunsRequest[] = [];
        const ordinal = streams.push(frames);
        call.on("data", (frame: SubmitRunsRequest) => {
          frames.push(frame);
          if (ordinal === 1) {
            answer(call, {
              started: [
                { ref: 1, runId: "r1" },
                { ref: 3, runId: "r3" },
              ],
              ended: [completed(4)],
            });
            call.emit("error", lost);
            return;
          }
          for (const { ref } of frame.runs) {
            answer(call, { started: [{ ref, runId: `r${ref}`, repeatedStart: true }], ended: [completed(ref)] });
          }
        });
        call.on("end", () => call.end());
      },
    });
    const started: StartAnswer[] = [];
    const ended: EndAnswer[] = [];
    const unknown: UnknownOutcome[] = [];
    const submitter = served.client.submitter({
      onStarted: (batch) => started.push(...batch),
      onEnded: (batch) => ended.push(...batch),
      onUnknown: (batch) => unknown.push(...batch),
    });
    submitter.submit([
      { workflow: "w", idempotencyKey: "k1" },
      { workflow: "w", idempotencyKey: "k2" },
      { workflow: "w" },
      { workflow: "w" },
      { workflow: "w" },
    ]);
    await submitter.finish();
    expect(streams[1]?.flatMap(({ runs }) => runs.map(({ idempotencyKey }) => idempotencyKey))).toEqual(["k1", "k2"]);
    expect(streams[1]?.[0]?.answers).toBe(SubmitAnswers.STARTS_AND_ENDS);
    expect(unknown).toEqual([
      { ref: 3, runId: "r3" },
      { ref: 5, runId: "" },
    ]);
    expect(ended.map(({ ref }) => ref)).toEqual([4, 1, 2]);
    expect(started.map(({ ref }) => ref)).toEqual([1, 3, 2]);
  });

  test.for([
    { reason: "DISK_FULL", code: status.RESOURCE_EXHAUSTED, asked: 3, unknown: [] },
    { reason: "WORKFLOW_NOT_FOUND", code: status.NOT_FOUND, asked: 2, unknown: [{ ref: 1, runId: "r1" }] },
  ])("never says that a run it said has started was refused: $reason", async ({ asked, unknown: left, ...error }) => {
    let frames = 0;
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        call.on("data", () => {
          frames += 1;
          if (frames === 1) {
            answer(call, { started: [{ ref: 1, runId: "r1" }] });
            call.emit("error", lost);
          } else if (frames === 2) {
            answer(call, { started: [{ ref: 1, error: { ...error, message: "not now", retryDelayMs: 1 } }] });
          } else {
            answer(call, { started: [{ ref: 1, runId: "r1", repeatedStart: true }], ended: [completed(1)] });
          }
        });
        call.on("end", () => call.end());
      },
    });
    const started: StartAnswer[] = [];
    const ended: EndAnswer[] = [];
    const unknown: UnknownOutcome[] = [];
    const over = Promise.withResolvers<void>();
    const submitter = served.client.submitter({
      onStarted: (batch) => started.push(...batch),
      onEnded: (batch) => {
        ended.push(...batch);
        over.resolve();
      },
      onUnknown: (batch) => {
        unknown.push(...batch);
        over.resolve();
      },
    });
    submitter.submit([{ workflow: "w", idempotencyKey: "k1" }]);
    await over.promise;
    await submitter.finish();
    expect(started).toMatchObject([{ ref: 1, runId: "r1", error: undefined }]);
    expect([frames, ended.length, unknown]).toEqual([asked, 1 - left.length, left]);
  });

  test("asks again for what was refused after it started, even on a stream it has closed", async () => {
    let frames = 0;
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        call.on("data", () => {
          frames += 1;
          if (frames === 1) {
            answer(call, { started: [{ ref: 1, runId: "r1" }] });
            call.emit("error", lost);
          } else if (frames > 2) answer(call, { ended: [completed(1)] });
        });
        call.on("end", () => {
          const error = { code: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", message: "not now", retryDelayMs: 1 };
          if (frames === 2) answer(call, { started: [{ ref: 1, error }] });
          call.end();
        });
      },
    });
    const ended: EndAnswer[] = [];
    const submitter = served.client.submitter({ onEnded: (batch) => ended.push(...batch) });
    submitter.submit([{ workflow: "w", idempotencyKey: "k1" }]);
    await submitter.finish();
    expect([frames, ended.length]).toEqual([3, 1]);
  });

  test("I9: refuses more than its bound, and says when there is room", async () => {
    const release = Promise.withResolvers<void>();
    await using served = await serve({
      submitRuns: (call: Submitting) => {
        call.on("data", (frame: SubmitRunsRequest) => {
          void release.promise.then(() => answer(call, { ended: frame.runs.map(({ ref }) => completed(ref)) }));
        });
      },
    });
    const submitter = served.client.submitter({ pendingMax: 3 });
    submitter.submit([{ workflow: "w" }, { workflow: "w" }]);
    expect(() => submitter.submit([{ workflow: "w" }, { workflow: "w" }])).toThrow("pendingMax");
    await submitter.room();
    const room = submitter.room(2);
    release.resolve();
    await room;
    expect(submitter.pending).toBe(0);
    submitter.close();
    await expect(submitter.finish()).rejects.toThrow("closed");
  });

  test("is over when the server refuses the stream", async () => {
    await using served = await serve({
      submitRuns: (call: Submitting) => call.emit("error", statusOf(refusal("INVALID_ARGUMENT", { field: "runs" }))),
    });
    const unknown: UnknownOutcome[] = [];
    const submitter = served.client.submitter({ onUnknown: (batch) => unknown.push(...batch) });
    submitter.submit([{ workflow: "w", idempotencyKey: "k" }]);
    expect(await errorFrom(submitter.finish())).toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(unknown).toEqual([{ ref: 1, runId: "" }]);
  });
});
