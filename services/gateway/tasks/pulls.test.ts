// How the hub asks shards for tasks and what it tells them of what its workers hold.
import { VirtualClock } from "@millrace/clock/virtual.ts";
import type { Deliver } from "@millrace/link/link.ts";
import { tenantId } from "@millrace/model/ids.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { FakeShards } from "../testdata/fake-shards.ts";
import { makeTask, resultOf } from "../testdata/make-task.ts";
import { TaskHub } from "./task-hub.ts";
import { RECONNECT_GRACE_MS, type WorkerFrame, type WorkerHello, type WorkerLink } from "./worker-link.ts";
import { WorkerSession } from "./worker-session.ts";

interface Pull {
  readonly credits: number;
  readonly deliver: Deliver;
}

/** Shards whose pulls a test answers itself. */
class SlowShards extends FakeShards {
  readonly pulls: Pull[] = [];
  override pull(_taskTypes: readonly string[], credits: number, deliver: Deliver): void {
    this.pulls.push({ credits, deliver });
  }
  /** The newest pull. */
  last(): Pull {
    const pull = this.pulls.at(-1);
    if (pull === undefined) throw new Error("Nothing was pulled.");
    return pull;
  }
}

class FrameLink implements WorkerLink {
  readonly frames: WorkerFrame[] = [];
  send(frame: WorkerFrame): boolean {
    this.frames.push(frame);
    return true;
  }
  resume(): void {}
  close(): void {}
  tasks(): Task[] {
    return this.frames.flatMap((frame) => frame.tasks);
  }
}

function setUp() {
  const clock = new VirtualClock(1);
  const shards = new SlowShards();
  const hub = new TaskHub(shards, clock);
  const connect = (over: Partial<WorkerHello> = {}) => {
    const link = new FrameLink();
    const hello = { name: "w", build: "b1", taskTypes: ["t"], holding: [], tenant: tenantId("default"), ...over };
    const session = hub.open(hello, link);
    if (!(session instanceof WorkerSession)) throw new Error(session.message);
    return { session, link };
  };
  return { clock, shards, hub, connect };
}

const tokenOf = ({ runId, epoch, step, item, attempt }: TaskToken) => ({ runId, epoch, step, item, attempt });
const credits = (shards: SlowShards) => shards.pulls.map((pull) => pull.credits);

describe("pulls", () => {
  it("speak for their credits until these are answered, in as many parts as it takes", async () => {
    const { clock, shards, hub, connect } = setUp();
    const { session, link } = connect();
    session.grant(10);
    await clock.advance(1);
    expect(credits(shards)).toEqual([10]);
    hub.demand("t");
    await clock.advance(1);
    expect(credits(shards)).toEqual([10]);
    shards.last().deliver([makeTask(1)], 0);
    await clock.advance(1);
    expect([credits(shards), link.tasks().length]).toEqual([[10], 1]);
    shards.last().deliver([], 4);
    await clock.advance(1);
    expect(credits(shards)).toEqual([10, 4]);
    shards.pulls[0]?.deliver([makeTask(2)], 4);
    hub.demand("t");
    await clock.advance(1);
    expect([credits(shards), link.tasks().length, session.credits]).toEqual([[10, 4, 4], 2, 8]);
  });

  it("that a shard sits on do not keep the pool's other credits from being asked for", async () => {
    const { clock, shards, connect, hub } = setUp();
    const { session, link } = connect();
    session.grant(3_000);
    await clock.advance(1);
    const [stalled] = shards.pulls;
    hub.demand("t");
    await clock.advance(1);
    expect(credits(shards)).toEqual([2_048, 952]);
    shards.last().deliver([makeTask(1), makeTask(2)], 950);
    await clock.advance(1);
    expect([credits(shards).at(-1), link.tasks().length]).toEqual([950, 2]);
    stalled?.deliver([], 2_048);
    expect(session.credits).toBe(2_998);
  });

  it("are not repeated when nothing was found and nobody has announced anything since", async () => {
    const { clock, shards, hub, connect } = setUp();
    const { session } = connect();
    session.grant(5);
    await clock.advance(1);
    shards.last().deliver([], 5);
    await clock.advance(1);
    expect(shards.pulls).toHaveLength(1);
    hub.demand("t");
    await clock.advance(1);
    hub.demand("t");
    shards.last().deliver([], 5);
    await clock.advance(1);
    expect(credits(shards)).toEqual([5, 5, 5]);
  });

  it("keep in order what comes for workers that have left since, and are asked back for what is left of it", async () => {
    const { clock, shards, hub, connect } = setUp();
    const first = connect();
    first.session.grant(4);
    await clock.advance(1);
    first.session.end("gone");
    shards.last().deliver([makeTask(1), makeTask(2)], 0);
    shards.last().deliver([makeTask(3)], 1);
    expect([...hub.holding()].map(({ runId, isKnown }) => [runId, isKnown])).toEqual(
      [1, 2, 3].map((run) => [makeTask(run).runId, true]),
    );
    const second = connect();
    second.session.grant(2);
    await clock.advance(1);
    expect(second.link.tasks().map(({ runId }) => runId)).toEqual([makeTask(1).runId, makeTask(2).runId]);
    expect([...hub.holding()]).toHaveLength(3);
  });
});

describe("attempts that workers announce", () => {
  it("are told to the shards unless they are known, and are timed once a shard has said what they are", async () => {
    const { clock, shards, hub, connect } = setUp();
    const token = tokenOf(makeTask(1));
    const { session } = connect({ holding: [token] });
    expect(shards.held).toEqual([token]);
    expect([...hub.holding()]).toEqual([{ ...token, isKnown: false, isPresent: true }]);
    hub.owed([{ ...token, tenant: tenantId("acme"), timeoutMs: 1_000 }]);
    expect([...hub.holding()]).toEqual([{ ...token, isKnown: true, isPresent: true }]);
    session.end("the connection broke");
    connect({ holding: [token] });
    expect(shards.held).toHaveLength(1);
    await clock.advance(1_300);
    expect(shards.handed.map(({ envelope: { command } }) => command)).toMatchObject([
      { tenant: "acme", result: { outcome: { failure: { code: "ATTEMPT_TIMEOUT" } } } },
    ]);
  });

  it("are given back when their worker is lost before a shard has said what they are", async () => {
    const { clock, shards, hub, connect } = setUp();
    const token = tokenOf(makeTask(1));
    connect({ holding: [token] }).session.end("gone");
    await clock.advance(RECONNECT_GRACE_MS + 300);
    expect(shards.givenBack).toEqual([token]);
    expect([shards.handed, [...hub.holding()]]).toEqual([[], []]);
  });

  it("at another gateway are not lost here: no verdict ends what goes on there", async () => {
    const { clock, shards, hub, connect } = setUp();
    const { session } = connect();
    session.grant(2);
    await clock.advance(1);
    shards.last().deliver([makeTask(1), makeTask(2)], 0);
    hub.moved([makeTask(1), makeTask(7)]);
    expect([...hub.holding()].map(({ isPresent }) => isPresent)).toEqual([true, true]);
    session.end("the connection broke");
    expect([...hub.holding()].map(({ isPresent }) => isPresent)).toEqual([false, false]);
    hub.moved([makeTask(1)]);
    await clock.advance(RECONNECT_GRACE_MS + 300);
    expect(shards.handed.map(({ envelope: { command } }) => command)).toMatchObject([
      { runId: makeTask(2).runId, result: { outcome: { failure: { code: "WORKER_LOST" } } } },
    ]);
    expect([...hub.holding()]).toEqual([]);
  });

  it("that nobody is owed are passed over when a shard speaks of them", () => {
    const { hub } = setUp();
    hub.owed([{ ...tokenOf(makeTask(1)), tenant: tenantId("acme"), timeoutMs: 1_000 }]);
    expect(hub.idle()).toBe(true);
  });

  it("are nobody's once they are reported", () => {
    const { hub, connect } = setUp();
    const token = tokenOf(makeTask(1));
    const { session } = connect({ holding: [token] });
    session.report(1, [resultOf(token)]);
    expect([...hub.holding()]).toEqual([]);
  });
});
