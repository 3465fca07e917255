import type { HeldAttempt } from "@millrace/link/link.ts";
import type { Announced, TaskHolder } from "@millrace/link/local-shard.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Task, TaskToken } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import { ONE_STEP, ShardBench, TENANT } from "../testdata/shard-bench.ts";

/** A gateway's pool of workers that keeps what it is told. */
class Holder implements TaskHolder {
  readonly demands: string[] = [];
  readonly withdrawn: TaskToken[] = [];
  readonly gone: TaskToken[] = [];
  demand(taskType: string): void {
    this.demands.push(taskType);
  }
  withdraw(tokens: readonly TaskToken[]): void {
    this.withdrawn.push(...tokens);
  }
  moved(tokens: readonly TaskToken[]): void {
    this.gone.push(...tokens);
  }
}

const held = (task: TaskToken, isKnown = true): HeldAttempt => ({ ...tokenOf(task), isKnown, isPresent: true });

function tokenOf({ runId, epoch, step, item, attempt }: TaskToken): TaskToken {
  return { runId, epoch, step, item, attempt };
}

/** A shard with runs of one step each, and two gateways. */
async function opened(runs: number) {
  const bench = await ShardBench.open(ONE_STEP);
  const [one, two] = [new Holder(), new Holder()];
  for (const holder of [one, two]) bench.shard.tasks.connect(holder);
  const runIds: RunId[] = [];
  for (let run = 0; run < runs; run++) runIds.push(await bench.start("one"));
  const pull = (holder: Holder, credits = 100): readonly Task[] => bench.shard.tasks.pull(holder, ["work"], credits);
  const hold = async (holder: Holder, attempts: readonly HeldAttempt[], isAll = false): Promise<Announced> => {
    const answers: Announced[] = [];
    bench.shard.tasks.hold(holder, attempts, isAll, (announced) => answers.push(announced));
    await bench.settle();
    const [answer] = answers;
    if (answer === undefined || answers.length > 1) throw new Error(`${answers.length} answers.`);
    return answer;
  };
  return { bench, one, two, runIds, pull, hold };
}

const runsOf = (tasks: readonly TaskToken[]): RunId[] => tasks.map(({ runId }) => runId);

describe("a holder's tasks", () => {
  it("wait again, at once and announced, when it gives them back or is gone", async () => {
    const { bench, one, two, runIds, pull } = await opened(3);
    const [first, ...others] = pull(one);
    if (first === undefined) throw new Error("No task.");
    expect(pull(two)).toEqual([]);
    two.demands.length = 0;
    bench.shard.tasks.giveBack(one, [first]);
    await bench.settle();
    expect(two.demands).toEqual(["work"]);
    expect(runsOf(pull(two))).toEqual([first.runId]);
    bench.shard.tasks.release(one);
    await bench.settle();
    expect(runsOf(pull(two)).toSorted()).toEqual(runsOf(others).toSorted());
    bench.shard.tasks.release(two);
    await bench.settle();
    expect(runsOf(pull(one)).toSorted()).toEqual(runIds.toSorted());
  });

  it("are not given back by another one, nor in another attempt's name", async () => {
    const { bench, one, two, pull } = await opened(1);
    const [task] = pull(one);
    if (task === undefined) throw new Error("No task.");
    bench.shard.tasks.giveBack(two, [task]);
    bench.shard.tasks.giveBack(one, [{ ...task, attempt: 2 }]);
    bench.shard.tasks.release(two);
    await bench.settle();
    expect([pull(one), pull(two)]).toEqual([[], []]);
  });

  it("are those it says it has, whoever had them", async () => {
    const { bench, one, two, pull, hold } = await opened(2);
    const tasks = pull(one);
    const [task] = tasks;
    if (task === undefined) throw new Error("No task.");
    expect(await hold(two, [held(task, false)])).toEqual({
      owed: [{ ...tokenOf(task), tenant: TENANT, timeoutMs: 300_000 }],
      unwanted: [],
      elsewhere: [],
    });
    expect([one.gone.map(tokenOf), two.gone]).toEqual([[tokenOf(task)], []]);
    bench.shard.tasks.release(one);
    await bench.settle();
    expect(runsOf(pull(one))).toEqual(runsOf(tasks.slice(1)));
    expect(pull(two)).toEqual([]);
  });

  it("after a take-over are those it announces: they are not given out, and the others are", async () => {
    const { bench, one, two, pull, hold } = await opened(2);
    const tasks = pull(one);
    await bench.crash();
    const [mine, lost] = tasks;
    if (mine === undefined || lost === undefined) throw new Error("No tasks.");
    expect(await hold(one, [held(mine)])).toEqual({ owed: [], unwanted: [], elsewhere: [] });
    expect(bench.shard.load.waiting.get("work")).toBe(1);
    expect(runsOf(pull(two))).toEqual([lost.runId]);
  });

  it("are not those it keeps for a worker that is gone, once another one has them", async () => {
    const { bench, one, two, pull, hold } = await opened(2);
    const [moved, kept] = pull(one);
    if (moved === undefined || kept === undefined) throw new Error("No tasks.");
    await hold(two, [held(moved)]);
    one.gone.length = 0;
    const absent = [moved, kept].map((task) => ({ ...held(task), isPresent: false }));
    expect((await hold(one, absent, true)).elsewhere.map(tokenOf)).toEqual([tokenOf(moved)]);
    bench.shard.tasks.release(one);
    await bench.settle();
    expect([runsOf(pull(two)), two.gone]).toEqual([[kept.runId], []]);
  });

  it("wait again when it says that it has no others", async () => {
    const { one, two, pull, hold } = await opened(3);
    const [kept, ...lost] = pull(one);
    if (kept === undefined) throw new Error("No task.");
    await hold(one, [held(kept)], true);
    expect(runsOf(pull(two)).toSorted()).toEqual(runsOf(lost).toSorted());
  });

  it("do not wait again when it takes them after it has said that it has no others", async () => {
    const { one, two, pull, hold } = await opened(3);
    const [kept, lost] = pull(one, 2);
    if (kept === undefined || lost === undefined) throw new Error("No tasks.");
    const said = hold(one, [held(kept)], true);
    expect(pull(one)).toHaveLength(1);
    await said;
    expect(runsOf(pull(two))).toEqual([lost.runId]);
  });

  it("that nobody is owed are told back: those of other attempts, of ended runs, of runs nobody knows", async () => {
    const { bench, one, pull, hold } = await opened(3);
    const [done, ended, other] = pull(one);
    if (done === undefined || ended === undefined || other === undefined) throw new Error("No tasks.");
    await bench.complete(done);
    await bench.ask({ type: "terminate", tenant: TENANT, runId: ended.runId, reason: "" });
    const unknown = { ...done, runId: bench.startOf("one").runId };
    const late = { ...other, attempt: 2 };
    const { owed, unwanted } = await hold(
      one,
      [done, ended, unknown, late].map((task) => held(task, false)),
    );
    expect(owed).toEqual([]);
    expect(unwanted.map(tokenOf)).toEqual([done, ended, unknown, late].map(tokenOf));
    expect(pull(one)).toEqual([]);
  });

  it("of a run being cancelled are asked to stop again, and their results are wanted", async () => {
    const { bench, one, two, runIds, pull, hold } = await opened(1);
    const [task] = pull(one);
    const [runId] = runIds;
    if (task === undefined || runId === undefined) throw new Error("No task.");
    await bench.ask({ type: "cancel", tenant: TENANT, runId, reason: "" });
    expect([one.withdrawn.length, two.withdrawn.length]).toEqual([1, 0]);
    expect((await hold(two, [held(task)])).unwanted.map(tokenOf)).toEqual([tokenOf(task)]);
    await bench.ask(bench.resultOf(task, { type: "cancelled" }));
    expect(await bench.status(runId)).toBe("cancelled");
  });

  it("of a run being cancelled are answered for when nobody has them any more", async () => {
    const { bench, one, runIds, pull } = await opened(1);
    const [runId] = runIds;
    if (runId === undefined) throw new Error("No run.");
    expect(pull(one)).toHaveLength(1);
    await bench.ask({ type: "cancel", tenant: TENANT, runId, reason: "" });
    expect(await bench.status(runId)).toBe("cancelling");
    bench.shard.tasks.release(one);
    await bench.settle();
    expect(await bench.status(runId)).toBe("cancelled");
  });

  it("of a paused run wait for its resumption when they are given back", async () => {
    const { bench, one, two, runIds, pull } = await opened(1);
    const [runId] = runIds;
    if (runId === undefined) throw new Error("No run.");
    const tasks = pull(one);
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    bench.shard.tasks.giveBack(one, tasks);
    await bench.settle();
    expect(pull(two)).toEqual([]);
    await bench.ask({ type: "resume", tenant: TENANT, runId });
    expect(runsOf(pull(two))).toEqual([runId]);
  });

  it("I1: are judged by what is durable: nobody is told to stop before", async () => {
    const { bench, one, runIds, pull } = await opened(1);
    const [task] = pull(one);
    const [runId] = runIds;
    if (task === undefined || runId === undefined) throw new Error("No task.");
    bench.log.latencyMs = 10;
    bench.send({ type: "terminate", tenant: TENANT, runId, reason: "" });
    await bench.pass(1);
    const answers: Announced[] = [];
    bench.shard.tasks.hold(one, [held(task)], false, (announced) => answers.push(announced));
    await bench.pass(5);
    expect(answers).toEqual([]);
    await bench.pass(20);
    expect(answers.map(({ unwanted }) => unwanted.map(tokenOf))).toEqual([[tokenOf(task)]]);
  });
});

describe("demand", () => {
  it("I7: is counted in tenants", async () => {
    const { bench, one, pull } = await opened(3);
    expect([bench.shard.tasks.tenantsWaiting("work"), bench.shard.tasks.tenantsWaiting("other")]).toEqual([1, 0]);
    expect([...bench.shard.tasks.demands()]).toEqual([["work", 1]]);
    pull(one);
    expect([...bench.shard.tasks.demands()]).toEqual([]);
  });

  it("is told to those that are connected", async () => {
    const { bench, one, two } = await opened(0);
    const disconnect = bench.shard.tasks.connect(one);
    disconnect();
    await bench.start("one", JSON.stringify(json("1")));
    expect([one.demands, two.demands]).toEqual([[], ["work"]]);
  });
});
