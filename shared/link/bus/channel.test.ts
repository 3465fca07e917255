// What a channel makes of what its line says, where it takes a hand-made line to say it.
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import { describe, expect, it } from "vitest";
import type { HeldAttempt, Origin, Reply, RunEnd, TaskSink } from "../link.ts";
import { Channel } from "./channel.ts";
import { FOLLOWS_A_TURN, PATIENCE_MS, WATCHED_MAX } from "./limits.ts";
import type { Line } from "./line.ts";
import { LinkBench, TENANT } from "./testdata/link-bench.ts";

/** Writes down what a channel says. */
class FakeLine implements Line {
  isUp = true;
  readonly said: string[] = [];
  readonly held: HeldAttempt[][] = [];
  #say(what: string, ref: number): void {
    if (!this.isUp) throw new Error(`${what} ${ref} is said while the line is down.`);
    this.said.push(`${what} ${ref}`);
  }
  submit = (ref: number, { type }: RunCommand, notifyEnd: boolean) => this.#say(notifyEnd ? `${type}+end` : type, ref);
  run = (ref: number) => this.#say("run", ref);
  list = (ref: number) => this.#say("list", ref);
  watch = (ref: number) => this.#say("watch", ref);
  taken = (ref: number) => this.#say("taken", ref);
  unwatch = (ref: number) => this.#say("unwatch", ref);
  follow = (ref: number) => this.#say("follow", ref);
  unfollow = (ref: number) => this.#say("unfollow", ref);
  tenantsWaiting = () => 0;
  pull = (ref: number) => this.#say("pull", ref);
  hold = (attempts: readonly HeldAttempt[]) => void this.held.push([...attempts]);
  giveBack = (attempts: readonly TaskToken[]) => this.#say("give back", attempts.length);
  tick = () => {};
  close = () => {
    this.isUp = false;
  };
  take(): string[] {
    return this.said.splice(0);
  }
}

class Caller implements Origin {
  readonly replies: Reply[] = [];
  readonly ends: RunEnd[] = [];
  replied(replies: readonly Reply[]): void {
    this.replies.push(...replies);
  }
  ended(ends: readonly RunEnd[]): void {
    this.ends.push(...ends);
  }
}

const bench = new LinkBench();

function opened(sink: TaskSink | null = null) {
  const clock = new VirtualClock(1);
  let minted = 0;
  const channel = new Channel({
    ...{ clock, room: { length: 0 }, sink: () => sink, isHere: () => true },
    mint: () => `minted ${++minted}`,
  });
  const [line, caller] = [new FakeLine(), new Caller()];
  channel.use(line);
  return { clock, channel, line, caller };
}

const envelope = (command: RunCommand, notifyEnd = false, ref = 7) => ({ ref, command, notifyEnd });
const done = (ref: number, runId: RunId): Reply => ({ type: "done", ref, runId, repeated: false, epoch: 1 });
const endOf = (ref: number, runId: RunId): RunEnd => ({
  ...{ ref, runId, epoch: 1, status: "completed", output: null, failure: null, failedStep: "", endedMs: 1 },
});

describe("a channel", () => {
  it("follows an end by the owner there is when an earlier one says late that the start is done", () => {
    const { channel, line, caller } = opened();
    const command = bench.startOf();
    channel.submit(caller, envelope(command, true));
    const refused = refusal("SHARD_UNAVAILABLE", { retryDelayMs: 60_000 });
    channel.replied([{ type: "refused", ref: 1, refusal: refused }], false);
    expect([line.take(), caller.replies]).toEqual([["start+end 1"], []]);
    channel.replied([done(1, command.runId)], true);
    expect([line.take(), caller.replies]).toMatchObject([["follow 1"], [{ type: "done", ref: 7 }]]);
    channel.ended([endOf(1, command.runId), endOf(1, command.runId)]);
    expect(caller.ends).toMatchObject([{ ref: 7 }]);
  });

  it("says nothing while its line is down, and all that is open when it comes up: what is held first", async () => {
    const { clock, channel, line, caller } = opened();
    const [asked, followed] = [bench.startOf(), bench.startOf()];
    channel.submit(caller, envelope(followed, true));
    channel.replied([done(1, followed.runId)], false);
    channel.submit(caller, envelope(asked));
    channel.run(TENANT, asked.runId, () => {});
    channel.watch(TENANT, asked.runId, () => {});
    line.take();
    line.isUp = false;
    channel.down();
    const resume: RunCommand = { type: "resume", tenant: TENANT, runId: asked.runId };
    channel.submit(caller, envelope(resume));
    expect(line.held).toHaveLength(1);
    line.isUp = true;
    channel.up();
    await clock.advance(1);
    expect(line.take()).toEqual(["start 2", "run 3", "resume 5", "watch 4", "follow 1"]);
    expect(line.held).toHaveLength(2);
  });

  it("I9: tells a new owner of very many ends some at a time, and stops when that one is gone", async () => {
    const { clock, channel, line, caller } = opened();
    const command = bench.startOf();
    const count = 2 * FOLLOWS_A_TURN + 1;
    for (let ref = 1; ref <= count; ref++) {
      channel.submit(caller, envelope(command, true));
      channel.replied([done(ref, command.runId)], false);
    }
    line.take();
    channel.up();
    expect(line.take()).toHaveLength(FOLLOWS_A_TURN);
    clock.step();
    expect(line.take()).toHaveLength(FOLLOWS_A_TURN);
    line.isUp = false;
    channel.down();
    await clock.advance(1);
    expect(line.take()).toEqual([]);
    line.isUp = true;
    channel.up();
    await clock.advance(1);
    expect(line.take()).toHaveLength(count);
  });

  it("says of attempts whose results are on their way that they are held", () => {
    const { channel, line, caller } = opened();
    const gateway = bench.gateway("reporter");
    const token = { ...bench.startOf(), epoch: 1, step: 0, item: -1, attempt: 1 };
    channel.submit(caller, envelope(gateway.resultOf(token)));
    channel.tasks.askHolding();
    expect(line.held.at(-1)).toMatchObject([{ runId: token.runId, attempt: 1, isKnown: true }]);
  });

  it("takes over what another one has let go of, with what is left of its patience", async () => {
    const { clock, channel, line, caller } = opened();
    const parts = { clock, room: { length: 0 }, sink: () => null, mint: () => "" };
    const leaving = new Channel({ ...parts, isHere: () => false });
    leaving.submit(caller, envelope(bench.startOf()));
    await clock.advance(PATIENCE_MS - 1_000);
    channel.adopt(leaving.evict());
    leaving.close("It is gone.");
    expect([line.take(), caller.replies]).toEqual([["start 1"], []]);
    await clock.advance(1_000);
    channel.tick(clock.monotonicMs());
    expect(caller.replies).toMatchObject([{ type: "refused", ref: 7, refusal: { code: "SHARD_UNAVAILABLE" } }]);
  });

  it("I9: watches so many runs and refuses more", () => {
    const { channel } = opened();
    const answers: unknown[] = [];
    for (let run = 0; run <= WATCHED_MAX; run++)
      channel.watch(TENANT, bench.startOf().runId, (answer) => answers.push(answer));
    expect(answers).toMatchObject([{ code: "SHARD_OVERLOADED" }]);
  });
});
