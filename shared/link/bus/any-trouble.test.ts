// Any traffic through any trouble: lost frames, cuts, owners that change, die, come back, or do not know that they are out.
import { Prng } from "@millrace/clock/prng.ts";
import type { RunId } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type BenchGateway, type BenchNode, LinkBench, SHARD, TENANT } from "./testdata/link-bench.ts";
import type { ModelRun } from "./testdata/model-disk.ts";
import type { ModelShard } from "./testdata/model-shard.ts";
import { nameOf, taskOf } from "./testdata/model-tasks.ts";

const who = fc.nat(2);
const action = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant("start" as const), who, notifyEnd: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("command" as const),
      who,
      run: fc.nat(1000),
      command: fc.constantFrom("signal", "named signal", "pause", "resume", "cancel", "retry"),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("read" as const, "watch" as const), who, run: fc.nat(1000) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("pull" as const), who, credits: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant("report" as const), who, count: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("worker moves" as const), who }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("forget task" as const), who }) },
  {
    weight: 20,
    arbitrary: fc.record({ type: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom("hand over" as const, "die" as const, "usurp" as const) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("reopen" as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("host" as const), who }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("lose" as const), percent: fc.constantFrom(5, 30, 100) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("lose none" as const, "mend" as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("cut" as const, "reset" as const), who }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("reset node" as const) }) },
);
type Action = typeof action extends fc.Arbitrary<infer One> ? One : never;

/** How long a gateway keeps attempts for a worker whose stream broke. */
const WORKER_GRACE_MS = 5_000;

interface Sent {
  readonly gateway: BenchGateway;
  readonly ref: number;
  readonly command: RunCommand;
  readonly notifyEnd: boolean;
}

class Trouble {
  readonly bench = new LinkBench();
  readonly gateways: readonly BenchGateway[];
  readonly sent: Sent[] = [];
  /** Questions asked and answers heard. */
  asked = 0;
  answered = 0;
  /** The newest state each watcher was told. */
  readonly watches: { readonly runId: RunId; told: string }[] = [];
  readonly #prng = new Prng(1);
  #node: BenchNode | null = null;
  /** Owners that do not know that they are out, or out of reach. */
  readonly #old: BenchNode[] = [];
  /** The gateway that hosts the shard itself, and what serves there. */
  #host: { readonly gateway: BenchGateway; readonly node: BenchNode } | null = null;
  #serial = 0;

  constructor() {
    this.gateways = ["g0", "g1", "g2"].map((name) => this.bench.gateway(name));
  }

  async begin(): Promise<void> {
    this.#node = await this.bench.serve("n0");
  }

  async do(one: Action): Promise<void> {
    switch (one.type) {
      case "start":
        return this.#send(one.who, this.bench.startOf(), one.notifyEnd);
      case "command": {
        const run = this.#run(one.run);
        if (run !== undefined) this.#send(one.who, commandOf(one.command, run.runId, this.sent.length), false);
        return;
      }
      case "read":
      case "watch": {
        const run = this.#run(one.run);
        if (run === undefined) return;
        if (one.type === "watch") return this.#watch(one.who, run.runId);
        this.asked++;
        this.#gateway(one.who).shards.run(TENANT, run.runId, () => this.answered++);
        return;
      }
      case "pull":
        return this.#gateway(one.who).pull(one.credits);
      case "report": {
        const gateway = this.#gateway(one.who);
        for (const token of [...gateway.held.values()].slice(0, one.count))
          this.#send(one.who, gateway.resultOf(token), false);
        return;
      }
      case "worker moves": {
        // Its stream broke, and it came back by another gateway.
        const [from, to] = [this.#gateway(one.who), this.#gateway(one.who + 1)];
        const token = [...from.held.values()].find(({ isPresent }) => isPresent);
        if (token === undefined || to.held.has(nameOf(token))) return;
        from.held.set(nameOf(token), { ...token, isPresent: false });
        to.held.set(nameOf(token), { ...token, isKnown: false, isPresent: true });
        // The gateway it left keeps what it had for it, and then says that nobody has it there.
        this.bench.clock.after(WORKER_GRACE_MS, () => {
          if (from.held.get(nameOf(token))?.isPresent !== false) return;
          from.held.delete(nameOf(token));
          from.shards.giveBack([token]);
        });
        return to.shards.hold([token]);
      }
      case "forget task": {
        const gateway = this.#gateway(one.who);
        const [token] = gateway.held.values();
        if (token === undefined) return;
        gateway.held.delete(nameOf(token));
        return gateway.shards.giveBack([token]);
      }
      case "advance":
        return this.bench.clock.advance(one.ms);
      default:
        return this.#hurt(one);
    }
  }

  /** Nothing goes wrong any more: all can reach whoever serves. */
  async calm(): Promise<void> {
    this.bench.hub.loses = null;
    for (const gateway of this.gateways) gateway.bus.mend();
    for (const old of this.#old.splice(0)) await this.bench.release(old);
    await this.bench.clock.advance(30_000);
  }

  get shard(): ModelShard {
    const serving = this.#node ?? this.#host?.node;
    if (serving === undefined) throw new Error("Nobody serves.");
    return serving.shard;
  }

  async #hurt(one: Action): Promise<void> {
    const { hub } = this.bench;
    switch (one.type) {
      case "hand over":
        if (this.#node !== null) await this.bench.release(this.#node);
        return this.#serveAnew();
      case "die":
        if (this.#node !== null) this.bench.kill(this.#node);
        return this.#serveAnew();
      case "usurp":
        if (this.#node !== null) this.#old.push(this.#node);
        return this.#serveAnew();
      case "reopen":
        return this.#node?.shard.serve();
      case "host": {
        if (this.#node !== null) this.#old.push(this.#node);
        this.#node = null;
        await this.#leaveHost();
        const gateway = this.#gateway(one.who);
        const node = await this.bench.serveOn(gateway.bus, gateway.name);
        this.#host = { gateway, node };
        return gateway.shards.host(SHARD, node.shard);
      }
      case "lose":
        hub.loses = () => this.#prng.chance(one.percent / 100);
        return;
      case "lose none":
        hub.loses = null;
        return;
      case "mend":
        for (const gateway of this.gateways) gateway.bus.mend();
        return;
      case "cut":
        return this.#gateway(one.who).bus.cut();
      case "reset":
        return this.#gateway(one.who).bus.reset();
      case "reset node":
        return this.#node?.bus.reset();
      default:
        throw new Error(`${one.type} is no trouble.`);
    }
  }

  async #serveAnew(): Promise<void> {
    await this.#leaveHost();
    this.#node = await this.bench.serve(`n${++this.#serial}`);
  }

  async #leaveHost(): Promise<void> {
    const host = this.#host;
    this.#host = null;
    if (host === null) return;
    await this.bench.release(host.node);
    host.gateway.shards.unhost(SHARD);
  }

  #send(which: number, command: RunCommand, notifyEnd: boolean): void {
    const gateway = this.#gateway(which);
    this.sent.push({ gateway, ref: gateway.send(command, notifyEnd), command, notifyEnd });
  }

  #watch(which: number, runId: RunId): void {
    const watch = { runId, told: "" };
    const { shards } = this.#gateway(which);
    const watching = shards.watch(TENANT, runId, (view) => {
      // Refused after the patience of a first state: nobody watches any more.
      if ("code" in view) return void this.watches.splice(this.watches.indexOf(watch), 1);
      watch.told = Buffer.from(view.bytes).toString();
      this.bench.clock.after(this.#prng.below(500), () => watching.taken());
    });
    this.watches.push(watch);
  }

  #gateway(which: number): BenchGateway {
    const gateway = this.gateways[which % this.gateways.length];
    if (gateway === undefined) throw new Error("There is no gateway.");
    return gateway;
  }

  #run(which: number): ModelRun | undefined {
    const runs = [...this.bench.disk().runs.values()];
    return runs[which % Math.max(1, runs.length)];
  }
}

function commandOf(kind: string, runId: RunId, serial: number): RunCommand {
  const to = { tenant: TENANT, runId };
  switch (kind) {
    case "signal":
    case "named signal": {
      const signalId = kind === "signal" ? "" : `s${serial}`;
      return { type: "signal", ...to, signalId, name: "go", payload: json("1") };
    }
    case "pause":
    case "cancel":
      return { type: kind, ...to, reason: "" };
    case "resume":
      return { type: "resume", ...to };
    default:
      return { type: "retry", ...to, requestId: "" };
  }
}

/** Whether what is on disk shows that a command was done. */
function isDone(run: ModelRun | undefined, { command, ref, gateway }: Sent): boolean {
  const reply = gateway.replies.get(ref);
  if (reply?.type !== "done" || run === undefined) return false;
  if (command.type === "signal") {
    const marks = run.done.filter((mark) => mark.startsWith("signal"));
    return command.signalId === ""
      ? marks.length > 0
      : marks.filter((mark) => mark === `signal ${command.signalId}`).length === 1;
  }
  if (command.type === "retry") return run.epoch > 1;
  if (command.type === "start" || command.type === "result") return true;
  return reply.repeated || run.done.some((mark) => mark.startsWith(command.type));
}

it("I3, I4: answers each command once and truly, tells each end once, and loses no task and no credit", async () => {
  const property = fc.asyncProperty(
    fc.array(action, { minLength: 20, maxLength: 200, size: "max" }),
    async (actions) => {
      const trouble = new Trouble();
      await trouble.begin();
      for (const one of actions) await trouble.do(one);
      await trouble.calm();
      const { bench, gateways, sent } = trouble;
      const { runs } = bench.disk();
      const unanswered = sent.filter(({ gateway, ref }) => !gateway.replies.has(ref));
      expect(unanswered.map(({ command }) => command)).toEqual([]);
      expect([trouble.answered, gateways.map(({ spoken }) => spoken)]).toEqual([trouble.asked, [0, 0, 0]]);
      // Everything works again for everybody.
      for (const gateway of gateways) expect(await gateway.ask(bench.startOf())).toMatchObject({ type: "done" });
      for (const one of sent) {
        const isSaid = one.gateway.replies.get(one.ref)?.type === "done";
        expect(isSaid ? isDone(runs.get(one.command.runId), one) : true, JSON.stringify(one.command)).toBe(true);
      }
      // Unnamed signals were named on the way: none was done more often than it was sent.
      for (const run of runs.values()) {
        const marks = run.done.filter((mark) => /^(?:signal|retry)/.test(mark));
        expect(new Set(marks).size).toBe(marks.length);
      }
      for (const { runId, told } of trouble.watches) expect(told).toBe(JSON.stringify(runs.get(runId)));
      // Every attempt that is owed is in the hands the shard thinks it is in, or waits and is given out. One that two have
      // in spite of that, since they were apart, is that of the later one, and the other one was told so.
      const holdersOf = (run: ModelRun) => gateways.filter(({ held }) => held.has(nameOf(taskOf(run))));
      const knows = (gateway: BenchGateway, name: string) => gateway.elsewhere.some((token) => nameOf(token) === name);
      for (const run of runs.values()) {
        if (run.status !== "running") continue;
        const name = nameOf(taskOf(run));
        const holder = trouble.shard.tasks.holderOf(taskOf(run));
        const holders = holdersOf(run).filter((gateway) => holder !== null || !knows(gateway, name));
        expect([holder === undefined, holder !== null], run.runId).toEqual([false, holders.length > 0]);
      }
      const [first] = gateways;
      first?.pull(1_000);
      await bench.settle();
      for (const run of runs.values()) if (run.status === "running") expect(holdersOf(run), run.runId).not.toEqual([]);
      // Whatever has not ended ends, and everybody hears of it.
      for (const run of runs.values())
        if (run.status === "running" || run.status === "paused")
          first?.send({ type: "cancel", tenant: TENANT, runId: run.runId, reason: "" });
      await bench.settle();
      for (const { gateway, ref, command, notifyEnd } of sent) {
        if (!notifyEnd) continue;
        const isTold = gateway.ends.some((end) => end.ref === ref);
        const isStarted = gateway.replies.get(ref)?.type === "done";
        expect(isTold, command.runId).toBe(isStarted);
      }
    },
  );
  await fc.assert(property, { numRuns: 100 });
}, 120_000);
