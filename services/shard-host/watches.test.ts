import { VirtualClock } from "@millrace/clock/virtual.ts";
import { decodeRunState } from "@millrace/codec/run-state-v1.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import type { RunView, Watching } from "@millrace/link/link.ts";
import { position, type RunId, slot } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import { describe, expect, it } from "vitest";
import { WATCH_BYTES_PER_SECOND } from "./limits.ts";
import { ONE_STEP, ShardBench, TENANT, TWO_STEPS, text } from "./testdata/shard-bench.ts";
import { type Changed, Watches } from "./watches.ts";

describe("a watch", () => {
  it("tells the run as it is, then what durable turns make of it, until it is ended", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const watcher = new Watcher(bench, runId);
    expect(watcher.views).toHaveLength(1);
    for (const task of bench.pull()) await bench.complete(task);
    expect(watcher.views).toHaveLength(2);
    watcher.watching.end();
    await bench.ask({ type: "pause", tenant: TENANT, runId, reason: "" });
    expect(watcher.views).toHaveLength(2);
  });

  it("goes on after the shard has lost its memory", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const watcher = new Watcher(bench, runId);
    bench.log.failNext({ type: "unknown", written: true });
    await signal(bench, runId);
    expect(watcher.last.signals).toHaveLength(1);
    expect(watcher.refusals).toEqual([]);
  });

  it("goes on after what it was about to be told was lost", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const watcher = new Watcher(bench, runId);
    bench.log.latencyMs = 10;
    bench.send(signalOf(runId));
    await bench.settle();
    // Decided on top of the record on its way; the first one's watchers see both, and wait for both.
    bench.send(signalOf(runId));
    await bench.settle();
    bench.log.failNext({ type: "unknown", written: false });
    await bench.pass(100);
    await bench.pass(1_000);
    expect(watcher.last.signals).toHaveLength(1);
    expect(watcher.refusals).toEqual([]);
  });

  it("of an unknown run is answered once and forgotten", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const start = bench.startOf("one");
    const watcher = new Watcher(bench, start.runId);
    await bench.ask(start);
    expect(watcher.views).toEqual([]);
    expect(watcher.refusals).toMatchObject([{ code: "RUN_NOT_FOUND" }]);
  });

  it("of a shard that stops is refused", async () => {
    const bench = await ShardBench.open(ONE_STEP);
    const watcher = new Watcher(bench, await bench.start("one"));
    const stopped = bench.shard.stop();
    await bench.settle();
    await stopped;
    expect(watcher.refusals).toMatchObject([{ code: "SHARD_UNAVAILABLE" }]);
  });

  it("I9: that has not taken the last state is told nothing more, then the newest at once", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const slow = new Watcher(bench, runId, false);
    const quick = new Watcher(bench, runId);
    for (let count = 0; count < 5; count++) await signal(bench, runId);
    expect([slow.views.length, quick.views.length]).toEqual([1, 6]);
    slow.watching.taken();
    expect(slow.views).toHaveLength(2);
    expect(slow.last).toEqual(quick.last);
    await signal(bench, runId);
    expect(slow.views).toHaveLength(2);
    slow.watching.taken();
    expect(slow.last).toEqual(quick.last);
    slow.watching.taken();
    await bench.pass(60_000);
    expect(slow.views).toHaveLength(3);
  });

  it("reads a run once at a time, and once more if it changed or was taken meanwhile", () => {
    const answers: Changed[] = [];
    const watches = new Watches({
      clock: new VirtualClock(1),
      read: (_tenant, _runId, answer) => answers.push(answer),
      known: () => ({ isEnded: false, settledAt: null }),
    });
    const runId = mintRunId(1, slot(1), 1, 1);
    const heard: number[] = [];
    const watching = watches.watch(TENANT, runId, (view) => "code" in view || heard.push(view.position));
    const answer = (at: number) =>
      answers.shift()?.({ runId, bytes: Buffer.alloc(1), position: position(at), definition: "" });
    const other = watches.watch(TENANT, runId, () => {});
    answer(1);
    answer(1);
    watching.taken();
    watches.touched([runId]);
    watches.touched([runId]);
    other.taken();
    expect(answers).toHaveLength(1);
    answer(2);
    // The other one has not had the newest.
    expect(answers).toHaveLength(1);
    answer(2);
    expect(answers).toHaveLength(0);
    watching.taken();
    expect(answers).toHaveLength(1);
    answer(3);
    for (const each of [watching, other]) {
      each.end();
      each.taken();
    }
    expect([heard, answers.length, watches.runs()]).toEqual([[1, 2, 3], 0, []]);
  });

  it("shows all of a record, though it was read while the record was being made", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    bench.log.latencyMs = 10;
    bench.send(signalOf(runId));
    await bench.settle();
    bench.send(signalOf(runId));
    await bench.settle();
    const watcher = new Watcher(bench, runId);
    // It goes into the record that is waiting, behind what the watcher saw.
    bench.send(signalOf(runId));
    await bench.pass(100);
    expect(watcher.last.signals).toHaveLength(3);
  });

  it("shows all of a record that grew after the one before it was told", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const runId = await bench.start("two");
    const watcher = new Watcher(bench, runId);
    bench.log.latencyMs = 10;
    const origin = { replied: () => void bench.send(signalOf(runId)), ended: () => {} };
    bench.shard.submit(origin, { ref: 0, command: signalOf(runId), notifyEnd: false });
    bench.shard.wake();
    await bench.settle();
    bench.send(signalOf(runId));
    await bench.pass(100);
    expect(watcher.last.signals).toHaveLength(3);
  });

  it("I9: of large runs are told at a pace, one run after the other, and of their ends at once", async () => {
    const bench = await ShardBench.open(TWO_STEPS);
    const large = JSON.stringify("x".repeat(60_000));
    const runs = [await bench.start("two", large), await bench.start("two", large)];
    for (const task of bench.pull()) await bench.complete(task, large);
    const watchers = runs.map((runId) => new Watcher(bench, runId));
    const told = () => watchers.map(({ views }) => views.length);
    // The first change of one is told, and then it takes its time.
    const stateMs = (120_000 / WATCH_BYTES_PER_SECOND) * 1_000;
    for (let count = 0; count < 10; count++) for (const runId of runs) await signal(bench, runId);
    expect(told()).toEqual([2, 1]);
    await bench.pass(1.1 * stateMs);
    expect(told()).toEqual([2, 2]);
    await bench.pass(1.1 * stateMs);
    expect(told()).toEqual([3, 2]);
    await bench.pass(60_000);
    expect(told()).toEqual([3, 2]);
    expect(watchers.map(({ last }) => last.signals.length)).toEqual([10, 10]);
    for (const runId of runs) {
      await signal(bench, runId);
      await bench.ask({ type: "terminate", tenant: TENANT, runId, reason: "" });
    }
    expect(watchers.map(({ last }) => last.status)).toEqual(["terminated", "terminated"]);
  });
});

/** What a watcher was told; it takes each state at once, or when the test says so. */
class Watcher {
  readonly views: RunView[] = [];
  readonly refusals: Refusal[] = [];
  readonly watching: Watching;

  constructor(bench: ShardBench, runId: RunId, takes = true) {
    this.watching = bench.shard.watch(TENANT, runId, (view) => {
      if ("code" in view) return void this.refusals.push(view);
      this.views.push(view);
      if (takes) bench.clock.soon(() => this.watching.taken());
    });
  }

  get last(): RunState {
    return decodeRunState(this.views.at(-1)?.bytes ?? Buffer.alloc(0));
  }
}

function signalOf(runId: RunId): RunCommand {
  return { type: "signal", tenant: TENANT, runId, signalId: "", name: "x", payload: text(1) };
}

async function signal(bench: ShardBench, runId: RunId): Promise<void> {
  await bench.ask(signalOf(runId));
}
