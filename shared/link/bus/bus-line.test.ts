// The session state machine, frame by frame: a hand-made owner on a memory bus.
import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { GatewayFrame, ShardFrame } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import { describe, expect, it } from "vitest";
import { BusLine } from "./bus-line.ts";
import { decodeGatewayFrame, encodeShardFrame, newShardFrame } from "./codec/frames.ts";
import { HELLO_MS_MAX, HELLO_MS_MIN, KEEPALIVE_MS, SHARD_SILENCE_MS_MAX } from "./limits.ts";
import type { LineEvents } from "./line.ts";

const RUN = runId("00000000100000000001");
const SUBJECT = "shard.0";

/** Writes down what a line says. */
class Heard implements LineEvents {
  readonly lines: string[] = [];
  readonly tasks = {
    askHolding: () => {},
    pulled: (ref: number) => void this.lines.push(`pulled ${ref}`),
    demand: (taskType: string) => void this.lines.push(`demand ${taskType}`),
    withdraw: () => void this.lines.push("withdraw"),
    moved: () => void this.lines.push("moved"),
    owed: () => void this.lines.push("owed"),
  };
  up = (): void => void this.lines.push("up");
  down = (): void => void this.lines.push("down");
  runOf = (): RunId => RUN;
  replied: LineEvents["replied"] = (replies, isLate) => {
    for (const { ref, type } of replies) this.lines.push(`${isLate ? "late " : ""}${type} ${ref}`);
  };
  ended: LineEvents["ended"] = (ends) => {
    for (const { ref } of ends) this.lines.push(`ended ${ref}`);
  };
  ran = (ref: number): void => void this.lines.push(`ran ${ref}`);
  listed = (ref: number): void => void this.lines.push(`listed ${ref}`);
  changed = (ref: number): void => void this.lines.push(`changed ${ref}`);
  /** What was said since the last look. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

async function opened() {
  const clock = new VirtualClock(1);
  const hub = new MemoryBus(clock);
  const [gateway, owner] = [hub.connect("g"), hub.connect("o")];
  const frames: GatewayFrame[] = [];
  let inbox = "";
  owner.subscribe(SUBJECT, (message) => {
    const frame = message.type === "message" ? decodeGatewayFrame(message.data) : undefined;
    if (frame === undefined || message.type !== "message") throw new Error("No frame.");
    frames.push(frame);
    inbox = message.reply;
  });
  await clock.advance(1);
  const heard = new Heard();
  let sessions = 0;
  let suspected = 0;
  const line = new BusLine({
    ...{ bus: gateway, clock, subject: SUBJECT, inbox: `${gateway.inbox}.line`, gateway: "g", events: heard },
    nextSession: () => ++sessions,
    suspect: () => void suspected++,
  });
  await clock.advance(1);
  /** Says something as an owner would. */
  const say = async (session: number, number: number, term: number, what: Partial<ShardFrame> = {}) => {
    owner.publish(inbox, encodeShardFrame({ ...newShardFrame(), ...what, session, number, term }));
    await clock.advance(1);
  };
  /** Frames since the last look, as `session.number`. */
  const sent = () => frames.splice(0).map(({ session, number }) => `${session}.${number}`);
  const tick = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advance(100);
      line.tick(clock.monotonicMs());
    }
    await clock.advance(1);
  };
  return { clock, hub, gateway, owner, line, heard, say, sent, tick, suspects: () => suspected };
}

const done = (ref: number): ShardFrame["replies"][number] => ({
  ...{ ref, epoch: 1, repeated: false, runId: "", refusal: undefined },
});
const refused = (ref: number): ShardFrame["replies"][number] => ({
  ...done(ref),
  refusal: { code: "RUN_NOT_FOUND", field: "", message: "", fix: "", retryDelayMs: 0 },
});
const ended = (ref: number): ShardFrame["ends"][number] => ({
  ...{ ref, runId: RUN, epoch: 1, status: 4, output: "", outputBlob: undefined, outputItems: [], failure: undefined },
  ...{ step: 0, item: 0, failedStep: "", endedMs: 1 },
});
const all = (ref: number): Partial<ShardFrame> => ({
  replies: [done(ref), refused(ref + 1)],
  ends: [ended(ref)],
  demands: [{ taskType: "work", tenants: 2 }],
  runs: [{ ref, answer: { $case: "refusal", value: { code: "", field: "", message: "", fix: "", retryDelayMs: 0 } } }],
});
const FACTS = ["late done 5", "ended 5"];
const EVERYTHING = ["done 5", "refused 6", "ended 5", "demand work", "ran 5"];

describe("a line", () => {
  it("says hello until it is welcomed, more seldom as time goes by, and is up then", async () => {
    const { line, heard, say, sent, tick } = await opened();
    expect([sent(), line.isUp, heard.take()]).toEqual([["1.1"], false, []]);
    await tick(HELLO_MS_MIN);
    expect(sent()).toEqual(["1.1"]);
    await tick(10 * HELLO_MS_MAX);
    expect(sent().length).toBeLessThanOrEqual(13);
    await say(1, 1, 3, all(5));
    expect([line.isUp, heard.take(), line.tenantsWaiting("work")]).toEqual([true, ["up", ...EVERYTHING], 2]);
  });

  it("takes frames in order, and passes over what comes a second time but for its facts", async () => {
    const { heard, say } = await opened();
    await say(1, 1, 3);
    await say(1, 2, 3, all(5));
    expect(heard.take()).toEqual(["up", ...EVERYTHING]);
    await say(1, 2, 3, all(5));
    expect(heard.take()).toEqual(FACTS);
  });

  it("tells what went elsewhere before what comes: it may be the same attempt", async () => {
    const { heard, say } = await opened();
    await say(1, 1, 3);
    heard.take();
    const moved = [{ runId: RUN, epoch: 1, step: 0, item: 0, attempt: 1 }];
    await say(1, 2, 3, { moved, pulled: [{ ref: 7, tasks: [], released: 1, isLast: true, left: [] }] });
    expect(heard.take()).toEqual(["moved", "pulled 7"]);
  });

  it("begins a new session when a frame is missing, of whose successor it takes the facts", async () => {
    const { heard, say, sent, tick, line } = await opened();
    await say(1, 1, 3);
    await tick(HELLO_MS_MIN);
    heard.take();
    sent();
    await say(1, 3, 3, all(5));
    expect([heard.take(), sent(), line.isUp]).toEqual([[...FACTS, "down"], ["2.1"], false]);
    await say(2, 1, 3);
    expect(heard.take()).toEqual(["up"]);
  });

  it("gives a session that breaks as soon as it has begun a moment before the next", async () => {
    const { say, sent, tick } = await opened();
    await say(1, 1, 3);
    sent();
    await say(1, 0, 3);
    expect(sent()).toEqual([]);
    await tick(HELLO_MS_MIN + 100);
    expect(sent()).toEqual(["2.1"]);
  });

  it("begins anew when the owner does not know the session, or the welcome was lost", async () => {
    const { say, sent, tick } = await opened();
    sent();
    await say(1, 2, 3);
    expect(sent()).toEqual(["2.1"]);
    await say(2, 1, 3);
    await tick(HELLO_MS_MIN);
    sent();
    await say(2, 0, 3);
    expect(sent()).toEqual(["3.1"]);
  });

  it("leaves an owner for one of a higher term at once, whoever says so, and then believes the old one facts alone", async () => {
    const { line, heard, say, sent } = await opened();
    await say(1, 1, 3);
    heard.take();
    sent();
    line.announced(2);
    line.announced(3);
    expect([line.isUp, heard.take()]).toEqual([true, []]);
    line.announced(4);
    await say(1, 2, 3, all(5));
    expect(heard.take()).toEqual(["down", ...FACTS]);
    expect(sent()).toEqual(["2.1"]);
    await say(2, 1, 3, all(5));
    expect([line.isUp, heard.take()]).toEqual([false, FACTS]);
    await say(2, 1, 4);
    await say(2, 2, 3, all(5));
    expect([line.isUp, heard.take()]).toEqual([true, ["up", ...FACTS]]);
    await say(2, 2, 4, all(5));
    expect(heard.take()).toEqual(EVERYTHING);
  });

  it("that two owners welcome is led to the newer one, whichever was first", async () => {
    const { line, heard, say, sent } = await opened();
    await say(1, 1, 3);
    sent();
    await say(1, 1, 4, all(5));
    expect([heard.take(), sent()]).toEqual([["up", ...FACTS, "down"], ["2.1"]]);
    await say(2, 1, 4);
    await say(2, 2, 5, all(5));
    expect([heard.take(), sent()]).toEqual([["up", ...FACTS, "down"], ["3.1"]]);
    await say(3, 1, 5);
    expect(line.isUp).toBe(true);
  });

  it("is down when the owner says nothing for too long, and says something itself in time", async () => {
    const { line, heard, say, sent, tick } = await opened();
    await say(1, 1, 3);
    sent();
    await tick(KEEPALIVE_MS);
    expect(sent()).toEqual(["1.2"]);
    await say(1, 2, 3);
    await tick(SHARD_SILENCE_MS_MAX - 200);
    expect(line.isUp).toBe(true);
    await tick(200);
    expect([line.isUp, heard.take(), sent().at(-1)]).toEqual([false, ["up", "down"], "2.1"]);
  });

  it("is down and suspicious when nobody listens, and comes back when somebody says so, or asks by and by", async () => {
    const { clock, hub, line, heard, say, tick, owner, suspects } = await opened();
    await say(1, 1, 3);
    owner.crash();
    line.taken(1);
    await clock.advance(1);
    expect([line.isUp, heard.take(), suspects()]).toEqual([false, ["up", "down"], 2]);
    await tick(HELLO_MS_MIN);
    expect(suspects()).toBe(3);
    const next = hub.connect("o2");
    const hellos: string[] = [];
    next.subscribe(SUBJECT, (message) => hellos.push(message.type));
    await clock.advance(1);
    line.announced(4);
    await clock.advance(1);
    expect(hellos).toEqual(["message"]);
  });

  it("is down while the bus is cut, and begins anew at once when it is there again", async () => {
    const { clock, gateway, line, heard, say, sent, hub, tick } = await opened();
    await say(1, 1, 3);
    hub.noticeMs = 10;
    gateway.cut();
    await clock.advance(20);
    expect([line.isUp, heard.take()]).toEqual([false, ["up", "down"]]);
    await tick(2 * HELLO_MS_MAX);
    sent();
    gateway.mend();
    await clock.advance(hub.reconnectMs + 5);
    expect(sent()).toEqual(["2.1"]);
  });

  it("passes over bytes that are no frame, and everything once it is closed", async () => {
    const { clock, gateway, owner, line, heard, say } = await opened();
    await say(1, 1, 3);
    owner.publish(`${gateway.inbox}.line`, Buffer.from([0xff, 0xff, 0xff]));
    await clock.advance(1);
    expect([line.isUp, heard.take()]).toEqual([true, ["up"]]);
    line.close();
    await say(1, 2, 3, all(5));
    line.announced(9);
    await clock.advance(1);
    expect(heard.take()).toEqual([]);
  });

  it("I9: begins anew when the parts of a frame do not fit together", async () => {
    const { heard, say, tick, line } = await opened();
    const part = (index: number, count: number) => ({ part: { index, count, data: Buffer.alloc(1) } });
    await say(1, 1, 3);
    await tick(HELLO_MS_MIN);
    await say(1, 2, 3, part(1, 3));
    expect([line.isUp, heard.take()]).toEqual([false, ["up", "down"]]);
    await say(2, 1, 3);
    await tick(HELLO_MS_MIN);
    await say(2, 2, 3, part(0, 2));
    await say(2, 3, 3, all(5));
    expect([line.isUp, heard.take()]).toEqual([false, ["up", "down"]]);
  });
});
