// A tenant's client: starts runs and meddles with them, repeats itself, and asks again when a process dies.

import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { Prng } from "@millrace/clock/prng.ts";
import { Refused } from "@millrace/gateway/calls/call.ts";
import { prepareStart } from "@millrace/gateway/runs/start-command.ts";
import type { RunView, Watching } from "@millrace/link/link.ts";
import { type RunId, runId, type TenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { RunCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { RunStatus } from "@millrace/model/run-state.ts";
import { between, pick, pickAny, weighted } from "../choice.ts";
import { Line } from "../line.ts";
import { randomInput, SIGNAL_NAMES } from "../random-workflow.ts";
import type { Server } from "../server.ts";
import type { Scene } from "./scene.ts";

/** What a start asked for. */
interface Asked {
  readonly workflow: string;
  readonly input: string;
  readonly idempotencyKey: string;
}

/** A run that is watched. */
interface Watched {
  readonly runId: RunId;
  watching: Watching | null;
  /** What it was told last. */
  last: RunView | Refusal | null;
}

/** How long it takes to take what it was told. */
export const TAKE_MS_MAX = 500;

const BETWEEN_CALLS_MS_MAX = 700;
const ASK_AGAIN_MS = 250;
const NOBODYS_RUN = runId("000000000000zzzzzzzz");

export class Client {
  readonly tenant: TenantId;
  readonly #scene: Scene;
  readonly #prng: Prng;
  readonly #clock: Clock;
  readonly #blobs: Blobs;
  readonly #workflows: readonly string[];
  #line: Line | null = null;
  /** Runs it was told of, or has seen. */
  readonly #runs: RunId[] = [];
  /** Starts with a key, by key, in case they must be repeated. */
  readonly #asked = new Map<string, Asked>();
  readonly #unanswered = new Set<string>();
  /** Signals that were taken, and retries, in case they are repeated. */
  readonly #signals: RunCommand[] = [];
  readonly #retries: RunCommand[] = [];
  readonly #watched: Watched[] = [];
  #next: CancelTimer | null = null;
  #serial = 0;
  #isDone = false;

  constructor(scene: Scene, prng: Prng, tenant: TenantId, workflows: readonly string[]) {
    this.#scene = scene;
    this.#prng = prng;
    this.#clock = scene.clock;
    this.#blobs = scene.blobs;
    this.tenant = tenant;
    this.#workflows = workflows;
  }

  get line(): Line | null {
    return this.#line;
  }

  /** A process serves: calls go there from now on, first of all those nobody answered. */
  connect(server: Server): void {
    this.#line = new Line(this.#scene, server);
    for (const key of this.#unanswered) {
      const asked = this.#asked.get(key);
      if (asked !== undefined) this.#start(asked, "start again");
    }
    this.#later();
  }

  /** The process died. */
  disconnect(): void {
    this.#line = null;
    this.#watched.length = 0;
    this.#next?.();
  }

  /** Meddles no more; what it watches it goes on watching. */
  finish(): void {
    this.#isDone = true;
    this.#next?.();
  }

  /** What it watches and was not refused, and what it was told of each last. */
  get watched(): readonly { readonly runId: RunId; readonly last: RunView | null }[] {
    return this.#watched.flatMap(({ runId: id, last }) =>
      last !== null && "code" in last ? [] : [{ runId: id, last }],
    );
  }

  #later(): void {
    if (this.#isDone) return;
    this.#next?.();
    this.#next = this.#clock.after(this.#prng.below(BETWEEN_CALLS_MS_MAX), () => {
      if (this.#line !== null) this.#act();
      this.#later();
    });
  }

  #act(): void {
    const action = weighted(this.#prng, [
      ["start", 10],
      ["again", 2],
      ["signal", 4],
      ["steer", 4],
      ["retry", 2],
      ["read", 4],
      ["list", 1],
      ["watch", 1],
    ]);
    switch (action) {
      case "start":
        return this.#startNew();
      case "again":
        return this.#startAgain();
      case "signal":
        return this.#signal();
      case "steer":
        return this.#steer();
      case "retry":
        return this.#retry();
      case "read":
        return this.#read();
      case "list":
        return this.#list();
      case "watch":
        return this.#watch();
    }
  }

  #startNew(): void {
    const prng = this.#prng;
    this.#serial++;
    const idempotencyKey = prng.chance(0.6) ? `key-${this.#serial}` : "";
    const isNowhere = prng.chance(0.02);
    const workflow = isNowhere ? "nowhere" : (pickAny(prng, this.#workflows) ?? "nowhere");
    const isBad = prng.chance(0.02);
    const input = isBad ? "{" : randomInput(prng);
    const asked = { workflow, input, idempotencyKey };
    if (idempotencyKey !== "") this.#asked.set(idempotencyKey, asked);
    this.#start(asked, isNowhere ? "start of no workflow" : isBad ? "start of bad input" : "start");
  }

  #startAgain(): void {
    const asked = pickAny(this.#prng, [...this.#asked.values()]);
    if (asked === undefined) return;
    if (this.#prng.chance(0.7)) this.#start(asked, "start again");
    else this.#start({ ...asked, input: '{"n":1,"items":[],"other":true}' }, "start with a used key");
  }

  #start(asked: Asked, kind: string): void {
    const line = this.#line;
    if (line === null) return;
    this.#scene.coverage.count(`command: ${kind}`);
    const ports = { registry: line.server.registry, blobs: this.#blobs, clock: this.#clock };
    const fields = { ...asked, input: Buffer.from(asked.input), version: 0 };
    const prepared = prepareStart(ports, { tenant: this.tenant, traceparent: "" }, fields);
    const go = (command: StartRun | Refused): void => {
      if (command instanceof Refused) this.#asked.delete(asked.idempotencyKey);
      else if (this.#line === line) this.#sendStart(line, command);
    };
    if (prepared instanceof Promise) void prepared.then(go);
    else go(prepared);
  }

  #sendStart(line: Line, command: StartRun): void {
    const key = command.idempotencyKey;
    if (key !== "") this.#unanswered.add(key);
    line.send([command], this.#prng.chance(0.5), (reply) => {
      if (reply.type === "done") {
        this.#unanswered.delete(key);
        if (!this.#runs.includes(reply.runId)) this.#runs.push(reply.runId);
      } else if (key === "" || reply.refusal.retryDelayMs === 0) this.#unanswered.delete(key);
      else
        this.#clock.after(ASK_AGAIN_MS, () => {
          const asked = this.#asked.get(key);
          if (asked !== undefined && this.#unanswered.has(key)) this.#start(asked, "start again");
        });
    });
  }

  #signal(): void {
    const prng = this.#prng;
    const before = prng.chance(0.2) ? pickAny(prng, this.#signals) : undefined;
    if (before !== undefined) return this.#send(before, "signal again");
    const run = this.#someRun();
    const name = pick(prng, SIGNAL_NAMES);
    // Now and then more than a run takes.
    const times = prng.chance(0.1) ? 8 : 1;
    for (let time = 0; time < times; time++) {
      const signalId = `signal-${this.#serial++}`;
      const { tenant } = this;
      this.#send({ type: "signal", tenant, runId: run, signalId, name, payload: json('{"ok":true}') }, "signal");
    }
  }

  #steer(): void {
    const type = pick(this.#prng, ["cancel", "terminate", "pause", "resume", "pause", "resume"] as const);
    const run = this.#someRun();
    const { tenant } = this;
    this.#send(
      type === "resume" ? { type, tenant, runId: run } : { type, tenant, runId: run, reason: `because ${type}` },
      type,
    );
  }

  #retry(): void {
    const before = this.#prng.chance(0.3) ? pickAny(this.#prng, this.#retries) : undefined;
    if (before !== undefined) return this.#send(before, "retry again");
    const { tenant } = this;
    const command = { type: "retry", tenant, runId: this.#someRun(), requestId: `retry-${this.#serial++}` } as const;
    this.#retries.push(command);
    this.#send(command, "retry");
  }

  #read(): void {
    this.#scene.coverage.count("command: get");
    const line = this.#line;
    line?.server.node.run(this.tenant, this.#someRun(), (view) => this.#seeView(line, view));
  }

  #list(): void {
    const line = this.#line;
    if (line === null) return;
    this.#scene.coverage.count("command: list");
    const status = this.#prng.chance(0.5)
      ? null
      : pick<RunStatus>(this.#prng, ["running", "completed", "failed", "cancelled"]);
    const limit = between(this.#prng, 1, 20);
    const query = {
      tenant: this.tenant,
      workflow: null,
      status,
      startedFromMs: 0,
      startedUntilMs: 0,
      before: null,
      limit,
    };
    line.server.node.list(query, (page) => {
      if ("code" in page || line.server.isDead) return;
      for (const row of page.runs) {
        this.#scene.see({ type: "row", row });
        // Children are found in lists alone.
        if (!this.#runs.includes(row.runId)) this.#runs.push(row.runId);
      }
    });
  }

  #watch(): void {
    const line = this.#line;
    if (line === null) return;
    if (this.#watched.length > 2) {
      this.#scene.coverage.count("command: unwatch");
      this.#watched.shift()?.watching?.end();
      return;
    }
    this.#scene.coverage.count("command: watch");
    const watched: Watched = { runId: this.#someRun(), watching: null, last: null };
    this.#watched.push(watched);
    watched.watching = line.server.node.watch(this.tenant, watched.runId, (view) => {
      this.#seeView(line, view);
      watched.last = view;
      // Some take their time.
      this.#clock.after("code" in view ? 0 : (view.position * 7) % TAKE_MS_MAX, () => watched.watching?.taken());
    });
  }

  #seeView(line: Line, view: RunView | Refusal): void {
    if (!line.server.isDead && !("code" in view)) this.#scene.see({ type: "view", view });
  }

  #send(command: RunCommand, kind: string): void {
    this.#scene.coverage.count(`command: ${kind}`);
    this.#line?.send([command], false, (reply) => {
      if (command.type === "signal" && reply.type === "done") this.#signals.push(command);
    });
  }

  /** Mostly one of the newest runs it knows; now and then one that does not exist. */
  #someRun(): RunId {
    if (this.#prng.chance(0.03)) return NOBODYS_RUN;
    const newest = this.#prng.chance(0.7) ? this.#runs.slice(-6) : this.#runs;
    return pickAny(this.#prng, newest) ?? NOBODYS_RUN;
  }
}

/** Workflows of a tenant by number. */
export function workflowNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => workflowName(`flow-${index}`));
}
