import { VirtualClock } from "@millrace/clock/virtual.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { tenantId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import {
  SubmitAnswers,
  type SubmitRunsRequest,
  type SubmitRunsResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { describe, expect, it } from "vitest";
import type { Refused } from "../calls/call.ts";
import { FakeBlobs } from "../testdata/fake-blobs.ts";
import { FakeRegistry } from "../testdata/fake-registry.ts";
import { done, FakeShards } from "../testdata/fake-shards.ts";
import { FLOW, register } from "../testdata/served-gateway.ts";
import { STARTS_IN_FLIGHT_MAX, SubmitStream, type SubmitWire } from "./submit-stream.ts";

class FakeWire implements SubmitWire {
  readonly frames: SubmitRunsResponse[] = [];
  paused = false;
  takes = true;
  over: "ended" | Refused | null = null;
  send(frame: SubmitRunsResponse): boolean {
    this.frames.push(frame);
    return this.takes;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
  end(): void {
    this.over = "ended";
  }
  fail(refused: Refused): void {
    this.over = refused;
  }
}

async function setUp() {
  const clock = new VirtualClock(1);
  const shards = new FakeShards();
  const registry = new FakeRegistry();
  await register(registry, FLOW);
  const wire = new FakeWire();
  const ports = { shards, registry, clock, blobs: new FakeBlobs() };
  const stream = new SubmitStream(ports, { tenant: tenantId("default"), traceparent: "" }, wire);
  shards.reply = () => undefined;
  return { clock, shards, wire, stream };
}

const frame = (from: number, count: number, answers: SubmitAnswers): SubmitRunsRequest => ({
  runs: Array.from({ length: count }, (_, i) => ({
    ref: from + i,
    workflow: "flow",
    input: Buffer.from("1"),
    idempotencyKey: "",
    version: 0,
  })),
  answers,
});

describe("a submit stream", () => {
  it("I9: takes no more frames while too many starts have no answer, and goes on at half", async () => {
    const { clock, shards, wire, stream } = await setUp();
    for (let sent = 0; !wire.paused; sent += 8_192) {
      expect(sent).toBeLessThan(STARTS_IN_FLIGHT_MAX);
      stream.frame(frame(sent, 8_192, SubmitAnswers.STARTS));
    }
    const replies = shards.handed.map(({ envelope }) => done(envelope));
    stream.replied(replies.slice(0, 8_192));
    expect(wire.paused).toBe(true);
    stream.replied(replies.slice(8_192, STARTS_IN_FLIGHT_MAX / 2));
    expect(wire.paused).toBe(false);
    await clock.advance(1);
    expect(wire.frames.flatMap(({ started }) => started).length).toBe(STARTS_IN_FLIGHT_MAX / 2);
  });

  it("I9: takes no more frames while shards are overloaded", async () => {
    const { clock, shards, wire, stream } = await setUp();
    stream.frame(frame(1, 1, SubmitAnswers.STARTS));
    const overloaded = refusal("SHARD_OVERLOADED", { retryDelayMs: 50 });
    for (const { envelope } of [...shards.handed])
      stream.replied([{ type: "refused", ref: envelope.ref, refusal: overloaded }]);
    expect(wire.paused).toBe(true);
    await clock.advance(60);
    expect(shards.handed.length).toBe(2);
    const [, again] = shards.handed;
    if (again !== undefined) stream.replied([done(again.envelope)]);
    await clock.advance(1);
    expect([wire.paused, wire.frames.flatMap(({ started }) => started).map(({ ref }) => ref)]).toEqual([false, [1]]);
  });

  it("I9: breaks a stream whose client reads no answers", async () => {
    const { clock, shards, wire, stream } = await setUp();
    wire.takes = false;
    stream.frame(frame(1, 3_000, SubmitAnswers.ENDS));
    const output = json(JSON.stringify("x".repeat(60_000)));
    for (const { envelope } of shards.handed) {
      stream.replied([done(envelope)]);
      stream.ended([
        {
          ref: envelope.ref,
          runId: envelope.command.runId,
          epoch: 1,
          status: "completed",
          output,
          failure: null,
          failedStep: "",
          endedMs: 1,
        },
      ]);
    }
    await clock.advance(1);
    expect(wire.paused).toBe(true);
    expect(wire.over).toMatchObject({ refusal: { code: "SHARD_OVERLOADED" } });
  });

  it("I9: whose client has gone waits for no more ends", async () => {
    const { shards, stream } = await setUp();
    stream.frame(frame(0, 2, SubmitAnswers.ENDS));
    expect(shards.forgotten).toEqual([]);
    stream.abandon();
    stream.abandon();
    expect(shards.forgotten).toEqual([stream]);
  });

  it("tells starts and ends in either order, each once, in frames far below 4 MiB", async () => {
    const { clock, shards, wire, stream } = await setUp();
    stream.frame(frame(1, 200, SubmitAnswers.STARTS_AND_ENDS));
    stream.halfClose();
    const output = json(JSON.stringify("x".repeat(60_000)));
    for (const [index, { envelope }] of shards.handed.entries()) {
      const { runId } = envelope.command;
      const end = {
        ref: envelope.ref,
        runId,
        epoch: 1,
        status: "completed",
        output,
        failure: null,
        failedStep: "",
        endedMs: 1,
      } as const;
      if (index % 2 === 0) stream.replied([done(envelope)]);
      stream.ended([end]);
      if (index % 2 === 1) stream.replied([done(envelope)]);
    }
    await clock.advance(1);
    expect(wire.over).toBe("ended");
    expect(new Set(wire.frames.flatMap(({ ended }) => ended.map(({ ref }) => ref))).size).toBe(200);
    expect(wire.frames.flatMap(({ started }) => started).length).toBe(200);
    const bytes = wire.frames.map(({ ended }) => ended.reduce((sum, end) => sum + end.output.length, 0));
    expect(Math.max(...bytes)).toBeLessThan(2 * 1024 * 1024);
  });
});
