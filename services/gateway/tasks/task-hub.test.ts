import { VirtualClock } from "@millrace/clock/virtual.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { Envelope, Origin, Reply } from "@millrace/link/link.ts";
import { tenantId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { done, FakeShards } from "../testdata/fake-shards.ts";
import { makeTask, resultOf } from "../testdata/make-task.ts";
import { TaskHub } from "./task-hub.ts";
import {
  CREDITS_MAX,
  HEARTBEAT_INTERVAL_MS,
  RECONNECT_GRACE_MS,
  RESULTS_IN_FLIGHT_MAX,
  SILENCE_MS_MAX,
  type WorkerFrame,
  type WorkerHello,
  type WorkerLink,
} from "./worker-link.ts";
import { WorkerSession } from "./worker-session.ts";

/** Shards that answer in virtual time, and only when told to. */
class SteppedShards extends FakeShards {
  readonly #clock: VirtualClock;
  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }
  override submit(origin: Origin, batch: readonly Envelope[]): void {
    const replies: Reply[] = [];
    for (const envelope of batch) {
      this.handed.push({ origin, envelope });
      const reply = this.reply(envelope);
      if (reply !== undefined) replies.push(reply);
    }
    if (replies.length > 0) this.#clock.soon(() => origin.replied(replies));
  }
}

class FakeLink implements WorkerLink {
  readonly frames: WorkerFrame[] = [];
  closed: string | null = null;
  resumed = 0;
  takes = true;
  send(frame: WorkerFrame): boolean {
    this.frames.push(frame);
    return this.takes;
  }
  resume(): void {
    this.resumed += 1;
  }
  close(reason: string): void {
    this.closed = reason;
  }
  tasks(): Task[] {
    return this.frames.flatMap((frame) => frame.tasks);
  }
  settled(): number[] {
    return this.frames.flatMap((frame) => frame.settled);
  }
  cancels(): TaskToken[] {
    return this.frames.flatMap((frame) => frame.cancels);
  }
}

function setUp() {
  const clock = new VirtualClock(1);
  const shards = new SteppedShards(clock);
  const hub = new TaskHub(shards, clock);
  shards.connect(hub);
  const connect = (over: Partial<WorkerHello> = {}) => {
    const link = new FakeLink();
    const hello = { name: "w", build: "b1", taskTypes: ["t"], holding: [], tenant: tenantId("default"), ...over };
    const session = hub.open(hello, link);
    if (!(session instanceof WorkerSession)) throw new Error(session.message);
    return { session, link };
  };
  const results = () =>
    shards.handed.flatMap(({ envelope: { command } }) => (command.type === "result" ? [command] : []));
  return { clock, shards, hub, connect, results };
}

const codeOf = (command: ReturnType<ReturnType<typeof setUp>["results"]>[number]) =>
  command.result.outcome.type === "failed" ? command.result.outcome.failure.code : command.result.outcome.type;

describe("tasks out", () => {
  it("hands out what waits as soon as there are credits", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    shards.enqueue(makeTask(1), makeTask(2), makeTask(3));
    await clock.advance(1);
    expect(link.tasks()).toEqual([]);
    session.grant(2);
    await clock.advance(1);
    expect(link.tasks().map((task) => task.runId)).toEqual([makeTask(1).runId, makeTask(2).runId]);
    expect(session.credits).toBe(0);
  });

  it("sends what one turn has to say in one frame", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    session.grant(100);
    await clock.advance(1);
    for (let i = 0; i < 50; i++) shards.enqueue(makeTask(i));
    await clock.advance(1);
    expect(link.frames.map((frame) => frame.tasks.length)).toEqual([50]);
  });

  it("asks again until an answer is empty: shards share credits, so a short one proves nothing", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    shards.shareOf = (credits) => Math.ceil(credits / 4);
    session.grant(100);
    for (let i = 0; i < 80; i++) shards.enqueue(makeTask(i));
    await clock.advance(1);
    expect(link.tasks().length).toBe(80);
  });

  it("gives a worker only the types it serves", async () => {
    const { clock, shards, connect } = setUp();
    const a = connect({ name: "a", taskTypes: ["a"] });
    const b = connect({ name: "b", taskTypes: ["b", "a"] });
    a.session.grant(10);
    b.session.grant(10);
    shards.enqueue(makeTask(1, { taskType: "b" }), makeTask(2, { taskType: "b" }));
    await clock.advance(1);
    expect(a.link.tasks()).toEqual([]);
    expect(b.link.tasks().length).toBe(2);
  });

  it("shares by free credits", async () => {
    const { clock, shards, connect } = setUp();
    const big = connect({ name: "big" });
    const small = connect({ name: "small" });
    big.session.grant(300);
    small.session.grant(100);
    for (let i = 0; i < 200; i++) shards.enqueue(makeTask(i));
    await clock.advance(1);
    expect([big.link.tasks().length, small.link.tasks().length]).toEqual([150, 50]);
  });

  it("takes turns when there is one task at a time", async () => {
    const { clock, shards, connect } = setUp();
    const workers = [connect({ name: "a" }), connect({ name: "b" })];
    for (const { session } of workers) session.grant(10);
    for (let i = 0; i < 10; i++) {
      shards.enqueue(makeTask(i));
      await clock.advance(1);
    }
    expect(workers.map(({ link }) => link.tasks().length)).toEqual([5, 5]);
  });

  it("waits while the wire is full", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    link.takes = false;
    session.grant(10);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    shards.enqueue(makeTask(2));
    await clock.advance(1);
    expect(link.tasks().length).toBe(1);
    link.takes = true;
    session.writable();
    await clock.advance(1);
    expect(link.tasks().length).toBe(2);
  });

  it("refuses more credits than a worker may hold", () => {
    const { connect } = setUp();
    const { session } = connect();
    expect(session.grant(CREDITS_MAX)).toBe(null);
    expect(session.grant(1)).toMatchObject({ code: "INVALID_ARGUMENT", field: "credits" });
  });

  it("hands nothing to a worker that drains, nor while the server drains", async () => {
    const { clock, shards, connect, hub } = setUp();
    const one = connect({ name: "one" });
    const two = connect({ name: "two" });
    one.session.grant(5);
    two.session.grant(1);
    one.session.drain();
    shards.enqueue(makeTask(1), makeTask(2));
    await clock.advance(1);
    expect([one.link.tasks().length, two.link.tasks().length]).toEqual([0, 1]);
    hub.drain();
    two.session.grant(1);
    await clock.advance(1);
    expect(two.link.tasks().length).toBe(1);
    expect(two.link.frames.at(-1)?.draining).toBe(true);
    expect(hub.open({ ...two.session.hello }, two.link)).toMatchObject({ code: "SHARD_UNAVAILABLE" });
  });
});

describe("results in", () => {
  it("I1: settles a frame only when every result in it was answered", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    session.grant(3);
    shards.enqueue(makeTask(1), makeTask(2));
    await clock.advance(1);
    shards.reply = () => undefined;
    session.report(
      7,
      link.tasks().map((task) => resultOf(task)),
    );
    await clock.advance(1);
    const [first, second] = shards.handed;
    if (first === undefined || second === undefined) throw new Error("two results were handed in");
    first.origin.replied([done(first.envelope)]);
    await clock.advance(1);
    expect(link.settled()).toEqual([]);
    second.origin.replied([done(second.envelope)]);
    await clock.advance(1);
    expect(link.settled()).toEqual([7]);
  });

  it("says who made an attempt and when it began", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session, link } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    const startedMs = clock.nowMs() - 1;
    await clock.advance(50);
    session.report(
      1,
      link.tasks().map((task) => resultOf(task)),
    );
    expect(results()[0]).toMatchObject({ tenant: "acme", result: { worker: "w@b1", startedMs } });
  });

  it("I3: hands in late and unknown results and leaves the verdict to the shard", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session, link } = connect();
    shards.reply = (envelope) => ({ type: "refused", ref: envelope.ref, refusal: refusal("RUN_NOT_FOUND") });
    session.report(1, [resultOf(makeTask(99))]);
    await clock.advance(1);
    expect(results().length).toBe(1);
    expect(link.settled()).toEqual([1]);
  });

  it("hands in again what an overloaded shard refused", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    shards.reply = (envelope) => ({ type: "refused", ref: envelope.ref, refusal: refusal("SHARD_OVERLOADED") });
    session.report(1, [resultOf(makeTask(1)), resultOf(makeTask(2))]);
    await clock.advance(50);
    expect(link.settled()).toEqual([]);
    shards.reply = done;
    await clock.advance(200);
    expect(shards.handed.length).toBe(4);
    expect(link.settled()).toEqual([1]);
  });

  it("I9: pauses a worker with too many results under way and resumes it", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    shards.reply = () => undefined;
    const many = Array.from({ length: RESULTS_IN_FLIGHT_MAX }, (_, i) => resultOf(makeTask(i)));
    expect(session.report(1, many)).toBe(true);
    expect(session.report(2, [resultOf(makeTask(0))])).toBe(false);
    for (const { origin, envelope } of shards.handed) origin.replied([done(envelope)]);
    await clock.advance(1);
    expect(link.resumed).toBe(1);
    expect(link.settled().toSorted((left, right) => left - right)).toEqual([1, 2]);
  });

  it("closes a half-closed stream when its frames are settled", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    shards.reply = () => undefined;
    session.report(1, [resultOf(makeTask(1))]);
    session.finish();
    await clock.advance(1);
    expect(link.closed).toBe(null);
    for (const { origin, envelope } of shards.handed) origin.replied([done(envelope)]);
    await clock.advance(1);
    expect(link.settled()).toEqual([1]);
    expect(link.closed).toBe("");
  });
});

describe("deadlines and lost workers", () => {
  it("fails an attempt past its time-out, tells the worker, and still takes the late result", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session, link } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1, { timeoutMs: 1_000 }));
    await clock.advance(999);
    expect(results()).toEqual([]);
    await clock.advance(300);
    expect(results().map(codeOf)).toEqual(["ATTEMPT_TIMEOUT"]);
    expect(link.cancels().map((token) => token.runId)).toEqual([makeTask(1).runId]);
    session.report(
      1,
      link.tasks().map((task) => resultOf(task)),
    );
    await clock.advance(1);
    expect(results().map(codeOf)).toEqual(["ATTEMPT_TIMEOUT", "completed"]);
  });

  it("keeps a deadline longer than one turn of the wheel", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1, { timeoutMs: 300_000 }));
    for (let ms = 0; ms < 299_000; ms += HEARTBEAT_INTERVAL_MS) {
      session.heard();
      await clock.advance(HEARTBEAT_INTERVAL_MS);
      if (ms < 290_000) expect(results()).toEqual([]);
    }
    await clock.advance(300);
    expect(results().map(codeOf)).toEqual(["ATTEMPT_TIMEOUT"]);
  });

  it("lets no time-out strike an attempt whose result has come and waits for room, unless its worker comes anew", async () => {
    const { clock, shards, connect, results } = setUp();
    const first = connect();
    first.session.grant(1);
    shards.enqueue(makeTask(1, { timeoutMs: 1_000 }));
    await clock.advance(1);
    first.session.received(makeTask(1));
    await clock.advance(5_000);
    expect(results()).toEqual([]);
    first.session.end("the connection broke");
    const again = connect({ holding: [makeTask(1)] });
    await clock.advance(900);
    again.session.heard();
    expect(results()).toEqual([]);
    await clock.advance(400);
    expect(results().map(codeOf)).toEqual(["ATTEMPT_TIMEOUT"]);
  });

  it("does not take a worker for silent while its frames are not read", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session, link } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1, { timeoutMs: 600_000 }));
    await clock.advance(1);
    session.listens(false);
    await clock.advance(2 * SILENCE_MS_MAX);
    session.listens(true);
    await clock.advance(SILENCE_MS_MAX - 300);
    expect([link.closed, results()]).toEqual([null, []]);
    await clock.advance(600);
    expect(link.closed).toContain("silent");
  });

  it("gives up a silent worker that holds something, and none that holds nothing", async () => {
    const { clock, shards, connect, results } = setUp();
    const busy = connect({ name: "busy" });
    const idle = connect({ name: "idle", taskTypes: ["other"] });
    busy.session.grant(1);
    shards.enqueue(makeTask(1, { timeoutMs: 600_000 }));
    await clock.advance(SILENCE_MS_MAX + 300);
    expect(busy.link.closed).toContain("silent");
    expect(idle.link.closed).toBe(null);
    await clock.advance(RECONNECT_GRACE_MS + 300);
    expect(results().map(codeOf)).toEqual(["WORKER_LOST"]);
  });

  it("lets a worker that comes back in time keep what it holds", async () => {
    const { clock, shards, connect, results } = setUp();
    const first = connect();
    first.session.grant(2);
    shards.enqueue(makeTask(1), makeTask(2));
    await clock.advance(1);
    first.session.end("the connection broke");
    await clock.advance(RECONNECT_GRACE_MS / 2);
    const again = connect({ holding: [makeTask(1)] });
    await clock.advance(RECONNECT_GRACE_MS);
    expect(results().map((command) => [command.runId, codeOf(command)])).toEqual([[makeTask(2).runId, "WORKER_LOST"]]);
    again.session.report(1, [resultOf(makeTask(1))]);
    expect(results().map(codeOf)).toEqual(["WORKER_LOST", "completed"]);
  });

  it("knows the deadline of what a worker announced at once, though it has no credits to be offered anything", async () => {
    const { clock, shards, connect, results } = setUp();
    shards.enqueue(makeTask(1, { timeoutMs: 1_000 }), makeTask(2));
    const { link } = connect({ holding: [makeTask(1)] });
    expect(shards.queue.map(({ runId }) => runId)).toEqual([makeTask(2).runId]);
    await clock.advance(1_300);
    expect(results().map((command) => [command.runId, command.tenant, codeOf(command)])).toEqual([
      [makeTask(1).runId, "acme", "ATTEMPT_TIMEOUT"],
    ]);
    expect(link.cancels().map(({ runId }) => runId)).toEqual([makeTask(1).runId]);
  });

  it("gives back what a worker announced if it is gone when the shards know of it", async () => {
    const { clock, shards, connect, results, hub } = setUp();
    shards.hold = () => {};
    const { session } = connect({ holding: [makeTask(1)] });
    session.end("the connection broke");
    await clock.advance(RECONNECT_GRACE_MS + 300);
    expect(results()).toEqual([]);
    shards.givenBack.length = 0;
    hub.owed([makeTask(1)]);
    expect(shards.givenBack).toMatchObject([{ runId: makeTask(1).runId }]);
    await clock.advance(300);
    expect([results(), hub.idle()]).toEqual([[], true]);
  });

  it("does not let another worker take over what was announced", async () => {
    const { clock, shards, connect, hub } = setUp();
    const first = connect();
    first.session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    connect({ name: "thief", holding: [makeTask(1)] });
    expect(hub.live(makeTask(1))?.worker).toBe("w@b1");
  });

  it("I3: settles a result of an attempt that another worker has, and records that worker's", async () => {
    const { clock, shards, connect, results } = setUp();
    const holder = connect();
    holder.session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    const stranger = connect({ name: "stranger" });
    stranger.session.report(1, [resultOf(makeTask(1)), resultOf(makeTask(2))]);
    await clock.advance(1);
    expect(stranger.link.settled()).toEqual([1]);
    expect(results().map(({ runId }) => runId)).toEqual([makeTask(2).runId]);
    holder.session.report(1, [resultOf(makeTask(1))]);
    await clock.advance(1);
    expect(results().map(({ runId, result }) => [runId, result.worker])).toEqual([
      [makeTask(2).runId, "stranger@b1"],
      [makeTask(1).runId, "w@b1"],
    ]);
  });

  it("I3: takes the first result of an attempt that two workers announced", async () => {
    const { clock, shards, connect, results } = setUp();
    const first = connect();
    first.session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    const late = connect({ name: "late", holding: [makeTask(1)] });
    late.session.report(1, [resultOf(makeTask(1))]);
    await clock.advance(1);
    expect(results()).toMatchObject([{ runId: makeTask(1).runId, result: { worker: "late@b1", startedMs: 0 } }]);
  });

  it("I1: hands in a result of an attempt that its worker announced, though another worker was given it since", async () => {
    const { clock, shards, connect, results } = setUp();
    const first = connect({ name: "first", holding: [makeTask(1)] });
    // Its first report may still be on its way, or was lost: the shard offers the attempt again.
    first.session.report(1, [resultOf(makeTask(1))]);
    await clock.advance(1);
    connect({ name: "second" }).session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    first.session.report(2, [resultOf(makeTask(1))]);
    await clock.advance(1);
    expect(results().map(({ result }) => result.worker)).toEqual(["first@b1", "first@b1"]);
    expect(first.link.settled()).toEqual([1, 2]);
  });

  it("takes the late result of a worker that came back without a word of it", async () => {
    const { clock, shards, connect, results } = setUp();
    const first = connect();
    first.session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    first.session.end("the connection broke");
    const again = connect();
    again.session.report(1, [resultOf(makeTask(1))]);
    await clock.advance(RECONNECT_GRACE_MS * 2);
    expect(results().map(codeOf)).toEqual(["completed"]);
  });

  it("does not hand out what a worker announced or holds when a shard offers it again", async () => {
    const { clock, shards, connect, results } = setUp();
    const { session, link } = connect({ holding: [makeTask(1)] });
    session.grant(5);
    shards.enqueue(makeTask(1, { timeoutMs: 1_000 }), makeTask(2));
    await clock.advance(1);
    expect(link.tasks().map((task) => task.runId)).toEqual([makeTask(2).runId]);
    await clock.advance(1_300);
    expect(results().map((command) => [command.runId, codeOf(command)])).toEqual([
      [makeTask(1).runId, "ATTEMPT_TIMEOUT"],
    ]);
  });

  it("cancels what is withdrawn, also at a worker that comes back", async () => {
    const { clock, shards, connect, hub } = setUp();
    const first = connect();
    first.session.grant(2);
    shards.enqueue(makeTask(1), makeTask(2));
    await clock.advance(1);
    hub.withdraw([makeTask(1), makeTask(77)]);
    await clock.advance(1);
    expect(first.link.cancels().length).toBe(1);
    first.session.end("gone");
    hub.withdraw([makeTask(2)]);
    const again = connect({ holding: [makeTask(1), makeTask(2)] });
    await clock.advance(1);
    expect(again.link.cancels().length).toBe(2);
  });

  it("keeps the newest progress for timelines", async () => {
    const { clock, shards, connect, hub } = setUp();
    const { session } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    session.beat(makeTask(1), json('{"done":1}'));
    session.beat(makeTask(1), null);
    expect(hub.live(makeTask(1))).toMatchObject({ worker: "w@b1", progress: '{"done":1}' });
    expect(hub.live(makeTask(2))).toBe(undefined);
  });

  it("is quiet when nothing is held", async () => {
    const { clock, shards, connect } = setUp();
    const { session, link } = connect();
    session.grant(1);
    shards.enqueue(makeTask(1));
    await clock.advance(1);
    session.report(
      1,
      link.tasks().map((task) => resultOf(task)),
    );
    await clock.run();
    expect(clock.nextInMs()).toBe(undefined);
  });
});

describe("any order of things", () => {
  const action = fc.oneof(
    fc.record({ type: fc.constant("grant" as const), who: fc.nat(3), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant("enqueue" as const), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant("report" as const), who: fc.nat(3), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant("reconnect" as const), who: fc.nat(3), keep: fc.boolean() }),
    fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
  );

  it("I9: a worker never gets more than it granted, and everything handed out is answered for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
        const { clock, shards, connect, results, hub } = setUp();
        const names = ["a", "b", "c", "d"];
        const granted = [0, 0, 0, 0];
        const workers = names.map((name) => connect({ name }));
        const open: Task[][] = names.map(() => []);
        const handed = new Set<string>();
        let tasks = 0;
        let frame = 0;
        const collect = () => {
          for (const [who, worker] of workers.entries()) {
            const got = worker.link.frames.splice(0).flatMap((sent) => sent.tasks);
            granted[who] = (granted[who] ?? 0) - got.length;
            expect(granted[who]).toBeGreaterThanOrEqual(0);
            for (const task of got) handed.add(task.runId);
            open[who]?.push(...got);
          }
        };
        for (const step of actions) {
          if (step.type === "grant") {
            const worker = workers[step.who];
            if (worker?.session.grant(step.count) === null) granted[step.who] = (granted[step.who] ?? 0) + step.count;
          } else if (step.type === "enqueue") {
            for (let i = 0; i < step.count; i++) shards.enqueue(makeTask(tasks++, { timeoutMs: 5_000 }));
          } else if (step.type === "report") {
            const finished = open[step.who]?.splice(0, step.count) ?? [];
            workers[step.who]?.session.report(
              ++frame,
              finished.map((task) => resultOf(task)),
            );
          } else if (step.type === "reconnect") {
            workers[step.who]?.session.end("a broken connection");
            collect();
            const holding = step.keep ? (open[step.who] ?? []) : [];
            if (!step.keep) open[step.who] = [];
            granted[step.who] = 0;
            workers[step.who] = connect({ name: names[step.who] ?? "", holding });
          } else await clock.advance(step.ms);
          for (const worker of workers) worker.session.heard();
          collect();
        }
        for (const [who, worker] of workers.entries()) {
          worker.session.report(
            ++frame,
            (open[who] ?? []).splice(0).map((task) => resultOf(task)),
          );
        }
        shards.queue.length = 0;
        await clock.advance(60_000);
        collect();
        const answeredFor = new Set<string>(results().map((command) => command.runId));
        expect([...handed].filter((run) => !answeredFor.has(run))).toEqual([]);
        expect(hub.idle()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});
