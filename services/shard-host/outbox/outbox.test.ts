import { INLINE_PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import { describe, expect, it } from "vitest";
import { ACK_DELAY_MS, ACTORS_MAX, MESSAGES_WAITING_MAX, UNANSWERED_MS } from "../limits.ts";
import { checkOnce } from "./testdata/check-once.ts";
import { OutboxBench } from "./testdata/outbox-bench.ts";

const CHILD = "name: child\nsteps:\n  a: { uses: work }\n";
const PARENT = "name: parent\nsteps:\n  c: { uses: workflow, with: { name: child, input: '${input}' } }\n";
const DETACHED = "name: detached\nsteps:\n  c: { uses: workflow, with: { name: child, wait: false } }\n";
const LATER = "name: later\nsteps:\n  a: { uses: work }\n  c: { needs: a, uses: workflow, with: { name: child } }\n";
const HURRIED = `${LATER.replace("later", "hurried")}timeout: 70s\n`;
const MANY =
  "name: many\nsteps:\n  each: { uses: workflow, forEach: '${input}', maxConcurrency: 1000, with: { name: child } }\n";

function typesOf(record: readonly JournalEvent[]): string[] {
  return record.map(({ type }) => type).filter((type) => type !== "definition-pinned");
}

/** Works on whatever waits until nothing does, and a while longer. */
async function work(bench: OutboxBench, rounds = 40): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await bench.pass(500);
    for (const task of bench.pull()) await bench.complete(task);
  }
}

describe("a child in another shard", () => {
  it("has its input from its parent, and its parent has its output", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const parent = await bench.start("parent", '{"n":7}');
    await bench.settle();
    const [child] = await bench.children();
    expect(child).toMatchObject({ input: '{"n":7}', parent: { runId: parent, stepName: "c", wait: true, depth: 1 } });
    expect(await bench.run(parent)).toMatchObject({ children: [{ step: 0, item: -1, child: child?.runId }] });
    for (const task of bench.pull()) await bench.complete(task, '{"m":8}');
    await bench.settle();
    expect(await bench.run(parent)).toMatchObject({
      status: "completed",
      output: '{"c":{"a":{"m":8}}}',
      children: null,
    });
  });

  it("is journaled with what it means: the message with the order, the order with its message", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    await bench.start("parent");
    await work(bench, 2);
    const [mine = [], other = []] = [bench.records(0), bench.records(1)].map((records) => records.map(typesOf));
    expect(mine[1]).toEqual(["run-started", "child-ordered", "message-sent"]);
    expect(other[1]).toEqual(["run-started", "step-scheduled", "message-applied"]);
    expect(other[2]).toEqual(["step-completed", "run-ended", "message-sent"]);
    expect(mine.at(-1)).toEqual(["step-completed", "run-ended", "message-applied"]);
    checkOnce(bench.events());
  });

  it("I1: begins when its order is durable, and its parent goes on when its end is", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    for (const { log } of bench.hosts) log.latencyMs = 10;
    const parent = await bench.start("parent");
    expect(bench.arrived.map(({ lane }) => lane)).toEqual(["start"]);
    await bench.pass(20);
    const [task] = bench.pull();
    if (task === undefined) throw new Error("There is no task.");
    const finished = bench.complete(task);
    await bench.settle();
    expect(bench.arrived).toHaveLength(1);
    await bench.pass(20);
    await finished;
    await bench.pass(20);
    expect(bench.arrived.map(({ lane }) => lane)).toEqual(["start", "answer"]);
    expect(await bench.status(parent)).toBe("completed");
  });

  it("that nobody waits for is told of once it has begun", async () => {
    const bench = await OutboxBench.open(2, CHILD, DETACHED);
    const parent = await bench.start("detached");
    await bench.settle();
    const [child] = await bench.children();
    expect(await bench.run(parent)).toMatchObject({
      status: "completed",
      output: JSON.stringify({ c: { runId: child?.runId } }),
    });
    expect(child?.status).toBe("running");
    await work(bench, 2);
    expect(await bench.children()).toMatchObject([{ status: "completed" }]);
    expect(bench.arrived).toHaveLength(2);
  });

  it.each(["cancel", "terminate"] as const)("stops when its parent is stopped: %s", async (how) => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const parent = await bench.start("parent");
    await bench.settle();
    await bench[how](parent);
    await bench.settle();
    const [child] = await bench.children();
    expect(child).toMatchObject({ status: "cancelled", reason: `Its parent ${parent} stopped.` });
    expect(await bench.status(parent)).toBe(how === "cancel" ? "cancelled" : "terminated");
  });

  it("that fails fails its parent, with its reason", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const parent = await bench.start("parent");
    await bench.settle();
    const failure = { code: "BROKEN", class: "permanent", message: "no", guidance: "", retryAfterMs: 0 } as const;
    for (const task of bench.pull()) await bench.finish(task, { type: "failed", failure });
    await bench.settle();
    const [child] = await bench.children();
    expect((await bench.run(parent))?.failure?.failure).toMatchObject({
      code: "CHILD_RUN_FAILED",
      message: `Child run ${child?.runId} ended failed: BROKEN: no`,
    });
  });

  it("of a workflow that nobody knows is refused, once its definition cannot be on its way any more", async () => {
    const bench = await OutboxBench.open(2, PARENT);
    const early = await bench.start("parent");
    await bench.pass(300);
    expect(await bench.status(early)).toBe("running");
    bench.register(CHILD);
    await bench.pass(600);
    expect(await bench.children()).toHaveLength(1);
    const lost = await OutboxBench.open(2, PARENT);
    const parent = await lost.start("parent");
    await lost.pass(5_000);
    expect((await lost.run(parent))?.failure?.failure).toMatchObject({
      code: "CHILD_RUN_REFUSED",
      class: "permanent",
      message: "The child was not started: There is no workflow child of version 0.",
    });
    expect(await lost.children()).toEqual([]);
    expect(lost.waiting).toBe(0);
  });

  it("I9: lets its parent leave memory while it works, and brings it back", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const parent = await bench.start("parent");
    await bench.pass(100);
    await bench.checkpoint(0);
    expect(bench.hosts[0]?.shard.load.actors).toBe(0);
    await work(bench, 2);
    expect(await bench.status(parent)).toBe("completed");
  });
});

describe("a link that does what it likes", () => {
  it("I3: an answer that is lost lets the message come again, and it counts once", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const lost = new Set<string>();
    bench.onAnswer = ({ lane }) => {
      if (lost.has(lane)) return "pass";
      lost.add(lane);
      return "lose";
    };
    const parent = await bench.start("parent");
    await bench.pass(UNANSWERED_MS - 1);
    expect(bench.arrived).toHaveLength(1);
    await bench.pass(100);
    expect(bench.arrived.map(({ number }) => number)).toEqual([1, 1]);
    expect(bench.hosts[0]?.shard.load.messages).toBe(0);
    for (const task of bench.pull()) await bench.complete(task);
    await bench.pass(2 * UNANSWERED_MS);
    expect(await bench.status(parent)).toBe("completed");
    expect(bench.waiting).toBe(0);
    checkOnce(bench.events());
  });

  it("I3: messages and answers that come twice count once", async () => {
    const bench = await OutboxBench.open(2, CHILD, MANY);
    bench.onMessage = () => "twice";
    bench.onAnswer = () => "twice";
    const parent = await bench.start("many", "[1,2,3]");
    await work(bench, 4);
    expect(await bench.status(parent)).toBe("completed");
    checkOnce(bench.events());
  });

  it("I3: one that comes before its turn is refused, and sent again in order", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    bench.kill(1);
    const parent = await bench.start("parent");
    // The child is told to stop on the same way before its start has arrived.
    await bench.terminate(parent);
    await bench.boot(1);
    bench.arrived.length = 0;
    let dropped = 0;
    bench.onMessage = () => (dropped++ === 0 ? "lose" : "pass");
    await bench.pass(UNANSWERED_MS + 5_000);
    expect(bench.arrived[0]?.number).toBe(2);
    expect(await bench.children()).toMatchObject([{ status: "cancelled" }]);
    expect(bench.waiting).toBe(0);
    checkOnce(bench.events());
  });
});

describe("a receiver that refuses", () => {
  it("is asked again, ever more slowly, until it takes the message", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    bench.kill(1);
    const parent = await bench.start("parent");
    await bench.pass(60_000);
    // 50 ms until nobody has answered, then between one and two seconds.
    expect(bench.arrived.length).toBeGreaterThan(20);
    expect(bench.arrived.length).toBeLessThan(80);
    await bench.boot(1);
    await work(bench, 10);
    expect(await bench.status(parent)).toBe("completed");
    checkOnce(bench.events());
  });

  it("for want of room holds up no answer", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const parent = await bench.start("parent");
    await bench.settle();
    const [task] = bench.pull();
    if (task === undefined) throw new Error("There is no task.");
    // From now on no start gets anywhere.
    bench.onMessage = ({ content }) => (content?.type === "start" ? "lose" : "pass");
    const waits = await bench.start("parent");
    await bench.complete(task);
    await bench.settle();
    expect([await bench.status(parent), await bench.status(waits)]).toEqual(["completed", "running"]);
  });
});

describe("what is large", () => {
  const large = JSON.stringify({ text: "x".repeat(INLINE_PAYLOAD_BYTES_MAX) });

  it("I1: is stored under the name of the run that gets it, before it is told", async () => {
    const bench = await OutboxBench.open(
      2,
      CHILD,
      "name: parent\nsteps:\n  a: { uses: work }\n  c: { needs: a, uses: workflow, with: { name: child } }\n",
    );
    const parent = await bench.start("parent");
    const [first] = bench.pull();
    if (first === undefined) throw new Error("There is no task.");
    const input = await bench.blobs.put(parent, Buffer.from(large));
    await bench.finish(first, { type: "completed", output: input });
    await bench.settle();
    const [child] = await bench.children();
    if (child === undefined) throw new Error("There is no child.");
    expect(child.input).toEqual(input);
    expect(Buffer.from((await bench.blobs.get(child.runId, input)) ?? []).toString()).toBe(large);
    const [second] = bench.pull();
    if (second === undefined) throw new Error("There is no task of the child.");
    const output = await bench.blobs.put(child.runId, Buffer.from(`{"out":${large}}`));
    await bench.finish(second, { type: "completed", output });
    await bench.settle();
    // The child's output is made of its step's, and read for that.
    expect((await bench.children())[0]?.status).toBe("failed");
    expect(await bench.status(parent)).toBe("failed");
  });

  it("passed on whole, goes all the way", async () => {
    const bench = await OutboxBench.open(
      2,
      "name: child\nsteps:\n  a: { uses: work }\noutput: '${steps.a.output}'\n",
      "name: parent\nsteps:\n  c: { uses: workflow, with: { name: child } }\n  d: { needs: c, uses: work }\n",
    );
    const parent = await bench.start("parent");
    await bench.settle();
    const [task] = bench.pull();
    if (task === undefined) throw new Error("There is no task.");
    const output = await bench.blobs.put(task.runId, Buffer.from(large));
    await bench.finish(task, { type: "completed", output });
    await bench.settle();
    expect(bench.pull()).toMatchObject([{ runId: parent, stepName: "d", input: output }]);
    expect(Buffer.from((await bench.blobs.get(parent, output)) ?? []).toString()).toBe(large);
  });

  it("and lost is said so to whoever waits for it", async () => {
    const bench = await OutboxBench.open(2, CHILD, PARENT);
    const input = { sha256: "0".repeat(64), bytes: 70_000 };
    const lost = await bench.start("parent", input);
    await bench.settle();
    expect((await bench.run(lost))?.failure?.failure).toMatchObject({
      code: "BLOB_LOST",
      message: "The child was not started: its input is lost.",
    });
    expect(await bench.children()).toEqual([]);
    await bench.pass(ACK_DELAY_MS);
    expect(bench.waiting).toBe(0);
  });
});

describe("the outbox", () => {
  it("I9: is bounded: beyond, starts are refused and children wait; with room everything goes on", async () => {
    const bench = await OutboxBench.open(2, CHILD, MANY, LATER, HURRIED);
    const [later, hurried] = [await bench.start("later"), await bench.start("hurried")];
    const tasks = bench.pull();
    bench.onMessage = () => "lose";
    const items = JSON.stringify(Array.from({ length: 300 }, (_, index) => index));
    const parents: Awaited<ReturnType<typeof bench.start>>[] = [];
    while (bench.waiting < MESSAGES_WAITING_MAX) parents.push(await bench.start("many", items));
    const before = bench.waiting;
    expect(before).toBeLessThan(MESSAGES_WAITING_MAX + 512);
    await expect(bench.start("many", items)).rejects.toThrow("refused");
    await bench.pass(1_000);
    expect(bench.waiting).toBe(before);
    // Who waits for room takes none from the children that wait for theirs, and its time-out passes all the same.
    for (const task of tasks) await bench.complete(task);
    await bench.checkpoint(0);
    expect(bench.hosts[0]?.shard.load.actors).toBe(0);
    expect([await bench.status(later), await bench.status(hurried)]).toEqual(["running", "running"]);
    await bench.pass(75_000);
    expect([await bench.status(later), await bench.status(hurried)]).toEqual(["running", "timed-out"]);
    expect(bench.waiting).toBe(before);
    bench.onMessage = () => "pass";
    for (let round = 0; round < 200 && bench.waiting > 0; round++) await bench.pass(1_000);
    expect(bench.waiting).toBe(0);
    expect((await bench.run(later))?.children).toHaveLength(1);
    expect((await bench.run(parents.at(-1) ?? bench.never))?.children).toHaveLength(256);
    expect(ACTORS_MAX).toBeGreaterThan(MESSAGES_WAITING_MAX);
  }, 120_000);

  it("I9: forgets ways with nothing left, and knows their numbers again", async () => {
    const bench = await OutboxBench.open(2, CHILD, MANY);
    const parent = await bench.start("many", "[1,2,3,4,5]");
    await work(bench, 2);
    await bench.pass(ACK_DELAY_MS);
    for (const shard of [0, 1]) await bench.checkpoint(shard);
    for (const shard of [0, 1]) await bench.crash(shard);
    expect(await bench.status(parent)).toBe("completed");
    // Messages that were applied long ago.
    const again = [...bench.arrived];
    const answers = again.map((message, ref) => ({ ref, command: message, notifyEnd: false }));
    const replies = await bench.deliver(answers);
    expect(replies.map((reply) => reply.type === "done" && reply.repeated)).toEqual(again.map(() => true));
    checkOnce(bench.events());
  });

  it.each([0, 1, 2, 3, 4])("I5: survives checkpoints at any time: after %i rounds", async (rounds) => {
    const bench = await OutboxBench.open(2, CHILD, PARENT, DETACHED);
    const parents = [
      await bench.start("parent"),
      await bench.start("detached"),
      await bench.start("parent", "1", 4000),
    ];
    for (let round = 0; round < rounds; round++) {
      await bench.pass(round * 7);
      for (const task of bench.pull().slice(0, round)) await bench.complete(task);
    }
    for (const shard of [0, 1]) {
      await bench.checkpoint(shard);
      await bench.crash(shard);
    }
    await work(bench, 30);
    for (const parent of parents) expect(await bench.status(parent)).toBe("completed");
    expect(bench.waiting).toBe(0);
    checkOnce(bench.events());
  });
});
