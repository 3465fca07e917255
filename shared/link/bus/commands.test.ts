// Commands over the bus: answered once, whatever happens to owners and frames on the way.
import { refusal } from "@millrace/errors/refusal.ts";
import { type RunId, workerName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { describe, expect, it } from "vitest";
import type { Origin, Reply } from "../link.ts";
import { ASKED_LENGTH_MAX, ASKED_MAX, HELLO_MS_MAX, PATIENCE_MS, SHARD_SILENCE_MS_MAX } from "./limits.ts";
import { LinkBench, SHARD, SUBJECTS, TENANT } from "./testdata/link-bench.ts";

async function opened() {
  const bench = new LinkBench();
  const node = await bench.serve("n1");
  const gateway = bench.gateway("g1");
  await bench.settle();
  return { bench, node, gateway };
}

const to = (runId: RunId) => ({ tenant: TENANT, runId });
const signal = (runId: RunId, signalId = "", payload = json("1")): RunCommand => ({
  ...{ type: "signal", ...to(runId), signalId, name: "go", payload },
});
const unavailable = { type: "refused", refusal: { code: "SHARD_UNAVAILABLE" } };

describe("a command", () => {
  it("is answered by the owner, in milliseconds", async () => {
    const { bench, gateway } = await opened();
    const command = bench.startOf();
    expect(await gateway.ask(command)).toEqual({
      type: "done",
      ref: 1,
      runId: command.runId,
      repeated: false,
      epoch: 1,
    });
    expect(await gateway.ask({ type: "resume", ...to(command.runId) })).toMatchObject({
      type: "refused",
      refusal: { code: "RUN_NOT_PAUSED", retryDelayMs: 0 },
    });
  });

  it.each<[string, (runId: RunId) => RunCommand]>([
    ["start", (runId) => ({ ...new LinkBench().startOf(), runId })],
    ["signal", (runId) => signal(runId)],
    ["pause", (runId) => ({ type: "pause", ...to(runId), reason: "" })],
    ["cancel", (runId) => ({ type: "cancel", ...to(runId), reason: "" })],
    ["terminate", (runId) => ({ type: "terminate", ...to(runId), reason: "" })],
    [
      "result",
      (runId) => ({
        ...{ type: "result", ...to(runId) },
        result: {
          ...{ runId, epoch: 1, step: 0, item: -1, attempt: 1, startedMs: 0, logs: null },
          ...{ outcome: { type: "completed", output: json("1") }, worker: workerName("w@1") },
        },
      }),
    ],
  ])("(%s) is done once when its answer is lost and it is said again", async (type, commandOf) => {
    const { bench, gateway } = await opened();
    const runId = type === "start" ? bench.startOf().runId : await gateway.start();
    bench.hub.loses = ({ to: who }) => who === "g1";
    const ref = gateway.send(commandOf(runId));
    await bench.clock.advance(500);
    bench.hub.loses = null;
    expect(gateway.replies.get(ref)).toBeUndefined();
    await bench.clock.advance(SHARD_SILENCE_MS_MAX);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
    expect(
      bench
        .disk()
        .runs.get(runId)
        ?.done.filter((mark) => mark.startsWith(type)),
    ).toHaveLength(1);
  });

  it("that only this gateway can have sent is not called repeated for being said again", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start();
    bench.hub.loses = ({ to: who }) => who === "g1";
    const own = [gateway.send(bench.startOf()), gateway.send(signal(runId))];
    const named = gateway.send(signal(runId, "by the caller"));
    await bench.clock.advance(500);
    bench.hub.loses = null;
    await bench.clock.advance(SHARD_SILENCE_MS_MAX);
    const repeated = [...own, named].map((ref) => {
      const reply = gateway.replies.get(ref);
      return reply?.type === "done" && reply.repeated;
    });
    expect(repeated).toEqual([false, false, true]);
    expect(await gateway.ask(signal(runId, "by the caller"))).toMatchObject({ repeated: true });
  });

  it("is found to be lost by the gap that the next frame shows, in either direction", async () => {
    const { bench, gateway } = await opened();
    for (const victim of ["n1", "g1"]) {
      // One that breaks as soon as it has begun would be given a moment.
      await bench.clock.advance(300);
      bench.hub.loses = ({ to: who }) => who === victim;
      const lost = gateway.send(bench.startOf());
      await bench.settle();
      bench.hub.loses = null;
      const next = gateway.send(bench.startOf());
      await bench.clock.advance(50);
      expect([lost, next].map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done"]);
    }
  });

  it("that says nothing new (resume) is refused rather than said again", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start();
    await gateway.ask({ type: "pause", ...to(runId), reason: "" });
    bench.hub.loses = ({ to: who }) => who === "g1";
    const ref = gateway.send({ type: "resume", ...to(runId) });
    await bench.settle();
    bench.disk().runs.get(runId)?.done.push("resumed and paused by others");
    bench.hub.loses = null;
    await bench.clock.advance(SHARD_SILENCE_MS_MAX + 500);
    expect(gateway.replies.get(ref)).toMatchObject(unavailable);
    expect(
      bench
        .disk()
        .runs.get(runId)
        ?.done.filter((mark) => mark === "resume"),
    ).toHaveLength(1);
  });

  it("of that kind that nobody can have heard yet is handed in when there is an owner", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    await gateway.ask({ type: "pause", ...to(runId), reason: "" });
    bench.kill(node);
    await bench.clock.advance(1_500);
    const ref = gateway.send({ type: "resume", ...to(runId) });
    await bench.serve("n2");
    await bench.settle();
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
  });
});

describe("owners", () => {
  it("that hand over in good order leave no trace at the caller", async () => {
    const { bench, node, gateway } = await opened();
    const before = gateway.send(bench.startOf());
    node.shard.stop();
    const between = gateway.send(bench.startOf());
    await bench.settle();
    node.server.close();
    const after = gateway.send(bench.startOf());
    await bench.settle();
    await bench.serve("n2");
    await bench.settle();
    expect([before, between, after].map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done", "done"]);
    expect(bench.disk().runs.size).toBe(3);
  });

  it("that die are missed at once, and their successors are heard of at once", async () => {
    const { bench, node, gateway } = await opened();
    node.shard.latencyMs = 100;
    const heard = gateway.send(bench.startOf());
    await bench.settle();
    bench.kill(node);
    const missed = gateway.send(bench.startOf());
    await bench.settle();
    expect(gateway.suspected).toContain(SHARD);
    await bench.serve("n2");
    await bench.settle();
    expect([heard, missed].map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done"]);
  });

  it("whose announcement is lost are found by asking", async () => {
    const { bench, node, gateway } = await opened();
    bench.kill(node);
    await bench.clock.advance(3_000);
    bench.hub.loses = ({ subject }) => subject === SUBJECTS.owner;
    const ref = gateway.send(bench.startOf());
    await bench.serve("n2");
    await bench.clock.advance(HELLO_MS_MAX + 200);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
  });

  it("of a lower term are not believed what they refuse or show, and the newer one answers", async () => {
    const { bench, node, gateway } = await opened();
    const runId = await gateway.start();
    // It does not know that it is out, and still listens; what it writes is refused by the journal.
    const next = await bench.serve("n2");
    next.shard.latencyMs = 20;
    expect(await gateway.view(runId)).toBeUndefined();
    const ref = gateway.send(bench.startOf());
    await bench.clock.advance(100);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done" });
    expect(node.shard.term).toBeLessThan(next.shard.term);
  });

  it("that a gateway has not heard of are believed as soon as they answer, though an older one answers first", async () => {
    const { bench, gateway } = await opened();
    bench.hub.loses = ({ subject }) => subject === SUBJECTS.owner;
    const next = await bench.serve("n2");
    const refs = [gateway.send(bench.startOf()), gateway.send(bench.startOf())];
    await bench.clock.advance(1_500);
    expect(refs.map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done"]);
    expect(bench.disk().term).toBe(next.shard.term);
  });

  it("I3: of an older term are believed what they have done, though they are not asked any more", async () => {
    const { bench, node, gateway } = await opened();
    node.shard.latencyMs = 50;
    bench.hub.loses = ({ subject }) => subject === SUBJECTS.owner;
    const ref = gateway.send(bench.startOf());
    await bench.clock.advance(52);
    bench.hub.latencyMs = 20;
    const next = await bench.serve("n2");
    next.shard.latencyMs = 10_000;
    bench.hub.loses = null;
    await bench.clock.advance(100);
    expect(gateway.replies.get(ref)).toMatchObject({ type: "done", repeated: false });
  });

  it("that begin anew in the same process are asked again for what they forgot, though nobody hears them say so", async () => {
    const { bench, node, gateway } = await opened();
    bench.hub.loses = ({ subject }) => subject === SUBJECTS.owner;
    node.shard.latencyMs = 100;
    const refs = Array.from({ length: 5 }, () => gateway.send(bench.startOf()));
    await bench.settle();
    node.shard.serve();
    await bench.clock.advance(300);
    expect(refs.map((ref) => gateway.replies.get(ref)?.type)).toEqual(refs.map(() => "done"));
    expect(bench.disk().runs.size).toBe(5);
  });
});

describe("refusals", () => {
  it("as unavailable are tried again by themselves, others are passed on as they are", async () => {
    const { bench, node, gateway } = await opened();
    const codes = ["SHARD_UNAVAILABLE", "SHARD_UNAVAILABLE", "DISK_FULL"] as const;
    const submit = node.shard.submit.bind(node.shard);
    let turn = 0;
    node.shard.submit = (origin, envelope) => {
      const code = codes[turn++];
      if (code === undefined) return submit(origin, envelope);
      origin.replied([{ type: "refused", ref: envelope.ref, refusal: refusal(code, { retryDelayMs: 60 }) }]);
    };
    const ref = gateway.send(bench.startOf());
    await bench.clock.advance(1_000);
    expect([turn, gateway.replies.get(ref)]).toMatchObject([3, { type: "refused", refusal: { code: "DISK_FULL" } }]);
    const next = gateway.send(bench.startOf());
    await bench.settle();
    expect(gateway.replies.get(next)).toMatchObject({ type: "done" });
  });

  it("come after some patience, once, with the owner's own words if it had any; later answers are passed over", async () => {
    const { bench, node, gateway } = await opened();
    node.shard.latencyMs = PATIENCE_MS + 500;
    const slow = gateway.send(bench.startOf());
    await bench.clock.advance(PATIENCE_MS - 200);
    expect(gateway.replies.size).toBe(0);
    await bench.clock.advance(400);
    expect(gateway.replies.get(slow)).toMatchObject(unavailable);
    await bench.clock.advance(PATIENCE_MS);
    expect(gateway.replies.size).toBe(1);
    node.shard.submit = (origin, { ref }) =>
      origin.replied([{ type: "refused", ref, refusal: refusal("SHARD_UNAVAILABLE", { message: "Damaged." }) }]);
    const damaged = gateway.send(bench.startOf());
    await bench.clock.advance(PATIENCE_MS + 200);
    expect(gateway.replies.get(damaged)).toMatchObject({ type: "refused", refusal: { message: "Damaged." } });
  });

  it("are the answer when the slot is nobody's", async () => {
    const { bench, gateway } = await opened();
    gateway.shards.route([{ shard: SHARD, from: 0, until: 1 }]);
    expect(await gateway.ask(bench.startOf(1))).toMatchObject(unavailable);
    expect(await gateway.view(bench.startOf(1).runId)).toMatchObject({ code: "SHARD_UNAVAILABLE" });
  });

  it("are what is left when the gateway stops", async () => {
    const { bench, node, gateway } = await opened();
    bench.kill(node);
    const ref = gateway.send(bench.startOf());
    gateway.shards.close();
    expect(gateway.replies.get(ref)).toMatchObject(unavailable);
    await bench.clock.advance(PATIENCE_MS * 2);
    expect(gateway.replies.size).toBe(1);
  });

  it("are also what is left for whoever sends again when the gateway stops", async () => {
    const { bench, node, gateway } = await opened();
    bench.kill(node);
    const refused: string[] = [];
    const send = (ref: number): void =>
      gateway.shards.submit(stubborn, [{ ref, command: bench.startOf(), notifyEnd: false }]);
    const stubborn: Origin = {
      replied: (replies) => {
        for (const reply of replies) refused.push(`${reply.ref} ${reply.type}`);
        if (refused.length === 1) send(2);
      },
      ended: () => {},
    };
    send(1);
    gateway.shards.close();
    expect(refused).toEqual(["1 refused", "2 refused"]);
  });
});

describe("the bus", () => {
  it("that was cut carries what was said meanwhile when it is there again", async () => {
    const { bench, gateway } = await opened();
    gateway.bus.cut();
    const refs = [gateway.send(bench.startOf())];
    await bench.clock.advance(3_100);
    refs.push(gateway.send(bench.startOf()));
    gateway.bus.mend();
    await bench.clock.advance(500);
    expect(refs.map((ref) => gateway.replies.get(ref)?.type)).toEqual(["done", "done"]);
  });

  it("that loses every third frame does not keep anything from being answered", async () => {
    const { bench, gateway } = await opened();
    let count = 0;
    bench.hub.loses = () => ++count % 3 === 0;
    const refs: number[] = [];
    for (let round = 0; round < 40; round++) {
      refs.push(gateway.send(bench.startOf()));
      await bench.clock.advance(100);
    }
    bench.hub.loses = null;
    await bench.clock.advance(SHARD_SILENCE_MS_MAX + 500);
    expect(refs.filter((ref) => gateway.replies.get(ref)?.type !== "done")).toEqual([]);
    expect(bench.disk().runs.size).toBe(40);
  });

  it("carries a large batch in several frames, and large commands whole", async () => {
    const { bench, gateway } = await opened();
    const runId = await gateway.start();
    const large = json(JSON.stringify("é".repeat(30_000)));
    const refs = Array.from({ length: 100 }, () => gateway.send(signal(runId, "", large)));
    await bench.settle();
    expect(refs.map((ref) => gateway.replies.get(ref)?.type)).toEqual(refs.map(() => "done"));
  });
});

describe("I9: what waits for a shard", () => {
  const answers = async (count: number, command: (bench: LinkBench) => RunCommand): Promise<Map<number, Reply>> => {
    const { bench, node, gateway } = await opened();
    bench.kill(node);
    for (let index = 0; index < count; index++) gateway.send(command(bench));
    return gateway.replies;
  };

  it("is bounded in number", async () => {
    const replies = await answers(ASKED_MAX + 3, (bench) => bench.startOf());
    expect([...replies.values()]).toMatchObject(
      Array.from({ length: 3 }, () => ({ refusal: { code: "SHARD_OVERLOADED", retryDelayMs: expect.any(Number) } })),
    );
  });

  it("is bounded in length", async () => {
    const input = json(JSON.stringify("x".repeat(1024 * 1024)));
    const replies = await answers(100, (bench) => ({ ...bench.startOf(), input }));
    expect(100 - replies.size).toBe(Math.floor(ASKED_LENGTH_MAX / (input.length + 100)));
  });
});
