import { BYTES_PER_UNIT_MAX, COMMAND_RECORD_BYTES_MAX } from "@millrace/core/run/decision.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import { DEFINITION_BYTES_MAX, type Definition } from "@millrace/model/definition.ts";
import { INLINE_PAYLOAD_BYTES_MAX, json } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import { MAILBOX_CALLS_MAX, MAILBOX_STARTS_MAX, TURN_BYTES_MAX } from "./limits.ts";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, text } from "./testdata/shard-bench.ts";

describe("a turn", () => {
  it("I1: nothing leaves before its record is durable: no reply, task or end", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const start = bench.startOf("one");
    const started = bench.send(start, true);
    await bench.settle();
    await bench.pass(9);
    expect([bench.replies.get(started), bench.demands, bench.pull()]).toEqual([undefined, [], []]);
    await bench.pass(1);
    expect(bench.replies.get(started)).toMatchObject({ type: "done", repeated: false });
    expect(bench.demands).toEqual(["work"]);
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    const settled = bench.send(bench.resultOf(task, { type: "completed", output: json("1") }));
    await bench.settle();
    await bench.pass(9);
    expect([bench.replies.get(settled), bench.ends]).toEqual([undefined, []]);
    await bench.pass(1);
    expect(bench.replies.get(settled)).toMatchObject({ type: "done" });
    expect(bench.ends).toMatchObject([{ runId: start.runId, status: "completed" }]);
  });

  it("is decided while the one before is on its way, and sent on its ack", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    bench.send(bench.startOf("one"));
    await bench.settle();
    const early = Array.from({ length: 3 }, () => bench.send(bench.startOf("one")));
    await bench.settle();
    await bench.pass(10);
    expect(early.map((ref) => bench.replies.has(ref))).toEqual([false, false, false]);
    await bench.pass(10);
    expect(early.map((ref) => bench.replies.has(ref))).toEqual([true, true, true]);
    expect(bench.records).toEqual([1, 3]);
  });

  it("I1: what is decided on top of a record that fails is refused with it, and never happened", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const first = bench.startOf("one", { idempotencyKey: "k", inputHash: "h" });
    bench.log.failNext({ type: "unknown", written: false });
    const sent = bench.send(first);
    await bench.settle();
    const again = bench.send({ ...bench.startOf("one"), idempotencyKey: "k", inputHash: "h" });
    await bench.pass(100);
    for (const ref of [sent, again])
      expect(bench.replies.get(ref)).toMatchObject({ type: "refused", refusal: { code: "SHARD_UNAVAILABLE" } });
    expect(bench.failures).toHaveLength(1);
    expect(await bench.list()).toEqual({ runs: [], next: null });
  });

  it("I6: what was written although nobody knew is there after the shard has looked", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.failNext({ type: "unknown", written: true });
    const start = bench.startOf("one", { idempotencyKey: "k", inputHash: "h" });
    expect(await bench.ask(start)).toMatchObject({ refusal: { code: "SHARD_UNAVAILABLE" } });
    const reply = await bench.ask({ ...bench.startOf("one"), idempotencyKey: "k", inputHash: "h" });
    expect(reply).toMatchObject({ type: "done", runId: start.runId, repeated: true });
  });

  it("I8: refused commands leave no trace in the journal", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    const before = bench.log.tail.position;
    const to = { tenant: TENANT, runId };
    const { runId: unknown } = bench.startOf("one");
    const replies = [
      await bench.ask(bench.startOf("none")),
      await bench.ask({ type: "resume", ...to }),
      await bench.ask({ type: "retry", ...to, requestId: "" }),
      await bench.ask({ type: "cancel", tenant: TENANT, runId: unknown, reason: "" }),
    ];
    expect(replies.map((reply) => (reply.type === "refused" ? reply.refusal.code : "done"))).toEqual([
      "WORKFLOW_NOT_FOUND",
      "RUN_NOT_PAUSED",
      "RUN_NOT_ENDED",
      "RUN_NOT_FOUND",
    ]);
    expect(bench.log.tail.position).toBe(before);
  });

  it("answers a command without events when all it saw is durable, and writes nothing for it", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const start = bench.startOf("one");
    bench.send(start);
    await bench.settle();
    const repeated = bench.send(start);
    await bench.pass(9);
    expect(bench.replies.has(repeated)).toBe(false);
    await bench.pass(1);
    expect(bench.replies.get(repeated)).toMatchObject({ type: "done", repeated: true });
    expect(bench.records).toEqual([1]);
  });

  it("I9: takes no more commands than its record has room for", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const input = text("é".repeat(20_000));
    const refs = Array.from({ length: 40 }, () => bench.send(bench.startOf("one", { input })));
    await bench.settle();
    expect(refs.every((ref) => bench.replies.get(ref)?.type === "done")).toBe(true);
    const each = Buffer.byteLength(input);
    for (const commands of bench.records) expect((commands - 1) * each).toBeLessThanOrEqual(TURN_BYTES_MAX);
    expect(bench.records.length).toBeGreaterThan(5);
  });
});

describe("the largest command", () => {
  it("I9: fits behind a full turn", () => {
    expect(TURN_BYTES_MAX + COMMAND_RECORD_BYTES_MAX).toBeLessThanOrEqual(RECORD_BODY_BYTES_MAX);
  });

  it("I9: a list of the most bytes, of three-byte characters, with inputs as large, fits a record", async () => {
    const bench = await ShardBench.open(
      "name: wide\nsteps:\n  each: { forEach: '${input.list}', maxConcurrency: 1000, uses: work, with: { all: '${item}', more: '${item}' } }\n",
    );
    // Just below the bound of an inline payload, in the widest characters of UTF-8 a UTF-16 unit.
    const list = Array.from({ length: 60 }, () => "気".repeat(350));
    const input = text({ list });
    expect(Buffer.byteLength(input)).toBeLessThanOrEqual(INLINE_PAYLOAD_BYTES_MAX);
    const runId = await bench.start("wide", input);
    expect(bench.failures).toEqual([]);
    expect(await bench.run(runId)).toMatchObject({ status: "running", openAttempts: list.length });
    expect(input.length * BYTES_PER_UNIT_MAX).toBeGreaterThan(Buffer.byteLength(input));
  });

  it("I9: one that fills its budget goes on in later turns", async () => {
    const bench = await ShardBench.open(
      "name: many\nsteps:\n  each: { forEach: '${input}', maxConcurrency: 1000, uses: work }\n",
    );
    const runId = await bench.start("many", JSON.stringify(Array.from({ length: 900 }, (_, index) => index)));
    expect(await bench.run(runId)).toMatchObject({ openAttempts: 900 });
    expect(bench.pull()).toHaveLength(900);
    expect(bench.records.length).toBeGreaterThanOrEqual(4);
  });
});

describe("the mailbox", () => {
  it("I9: turns starts and calls away when too many wait, never results, and recovers", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const [task] = bench.pull();
    if (task === undefined) throw new Error("No task.");
    const starts = Array.from({ length: MAILBOX_STARTS_MAX + 1 }, () => bench.startOf("two"));
    const refs = starts.map((command) => bench.send(command));
    for (let call = 0; call < MAILBOX_CALLS_MAX; call++) bench.send({ type: "resume", tenant: TENANT, runId });
    const late = bench.send({ type: "resume", tenant: TENANT, runId });
    const result = bench.send(bench.resultOf(task, { type: "completed", output: json("1") }));
    for (const ref of [refs.at(-1) ?? 0, late])
      expect(bench.replies.get(ref)).toMatchObject({ refusal: { code: "SHARD_OVERLOADED", retryDelayMs: 250 } });
    await bench.settle();
    expect(bench.replies.get(result)).toMatchObject({ type: "done", repeated: false });
    expect(bench.replies.size).toBe(MAILBOX_STARTS_MAX + MAILBOX_CALLS_MAX + 4);
    expect(await bench.ask(bench.startOf("two"))).toMatchObject({ type: "done" });
  });
});

describe("a shard that stops", () => {
  it("answers what it decided, refuses the rest, and leaves a checkpoint", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    bench.log.latencyMs = 10;
    const decided = bench.send(bench.startOf("one"));
    await bench.settle();
    const waiting = bench.send(bench.startOf("one"));
    const stopped = bench.shard.stop();
    await bench.pass(20);
    await stopped;
    const late = bench.send(bench.startOf("one"));
    expect(bench.replies.get(decided)).toMatchObject({ type: "done" });
    for (const ref of [waiting, late])
      expect(bench.replies.get(ref)).toMatchObject({ refusal: { code: "SHARD_UNAVAILABLE" } });
    expect(bench.checkpoints).toBe(1);
    bench.log.latencyMs = 0;
    bench.shard = bench.make();
    await bench.serve();
    expect((await bench.list()).runs).toHaveLength(1);
  });
});

describe("a full disk", () => {
  it("I9: stops intake with a clear error, and goes on when there is room", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const runId = await bench.start("one");
    bench.log.isFull = true;
    expect(await bench.ask(bench.startOf("one"))).toMatchObject({ refusal: { code: "DISK_FULL" } });
    await bench.pass(5_000);
    expect(await bench.ask(bench.startOf("one"))).toMatchObject({ refusal: { code: "DISK_FULL" } });
    bench.log.isFull = false;
    await bench.pass(5_000);
    expect(await bench.ask(bench.startOf("one"))).toMatchObject({ type: "done" });
    expect(await bench.status(runId)).toBe("running");
    expect(bench.pull()).toHaveLength(2);
  });
});

describe("the largest definition", () => {
  it("I9: fits a record that is all but full", async () => {
    // Two bytes of YAML an escape, six of JSON.
    const step = (index: number) => `  s${index}: { uses: work, with: { x: "${"\\e".repeat(10_400)}" } }`;
    const steps = Array.from({ length: 4 }, (_, index) => step(index));
    const bench = await ShardBench.open(ONE_STEP, `name: huge\nsteps:\n${steps.join("\n")}\n`);
    const input = json(JSON.stringify("x".repeat(INLINE_PAYLOAD_BYTES_MAX - 2)));
    const refs = [bench.startOf("one", { input }), bench.startOf("one", { input }), bench.startOf("huge")].map(
      (start) => bench.send(start),
    );
    await bench.settle();
    for (const ref of refs) expect(bench.replies.get(ref)).toMatchObject({ type: "done" });
    expect(bench.failures).toEqual([]);
    expect(await bench.ask(bench.startOf("one"))).toMatchObject({ type: "done" });
  });

  it("I8: is taken to the byte; a larger one, registered by another build, is refused without a trace", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    for (const [name, bytes] of [
      ["most", DEFINITION_BYTES_MAX],
      ["more", DEFINITION_BYTES_MAX + 1],
    ] as const)
      bench.enter(definitionOf(name, bytes));
    const before = bench.log.tail.position;
    expect(await bench.ask(bench.startOf("more"))).toMatchObject({
      refusal: { code: "WORKFLOW_INVALID", field: "workflow", message: expect.stringContaining("262144 bytes") },
    });
    expect(bench.log.tail.position).toBe(before);
    expect(await bench.ask(bench.startOf("most"))).toMatchObject({ type: "done" });
    expect(bench.failures).toEqual([]);
  });
});

/** A definition with so many bytes of JSON, spread over steps. */
function definitionOf(name: string, bytes: number): Definition {
  const parsed = parseDefinition(`name: ${name}\nsteps:\n  a: { uses: work, with: "" }\n`);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
  const { definition } = parsed;
  const padded = (more: number): Definition => {
    const pads = Array.from({ length: 8 }, (_, at) => "x".repeat(Math.floor((more + at) / 8)));
    return {
      ...definition,
      steps: pads.flatMap((pad, at) => definition.steps.map((step) => ({ ...step, name: `s${at}`, with: pad }))),
    };
  };
  return padded(bytes - Buffer.byteLength(JSON.stringify(padded(0))));
}
