// The language of the transcripts: a workflow, then commands and what came of each.
//
//   step ship needs=a,b if="steps.a.output.ok" retry=2 timeout=10s     a task; `sleep=for:5s`, `signal=name`, `transform={…}`,
//                                                                      `workflow=name@version wait=false onCancel=abandon`
//   output {"x": "${steps.a.output}"}          run-timeout 1m          both optional
//   > done a {"ok":true}                       a command; `a[2]` is an item, `attempt=`, `epoch=` override the newest
//     step-completed a#1 …                     written by the test: events, `! ` reactions, refusals; children are c1, c2, …
//
// A payload `@name` is a blob of 70 kB, `@name:bytes` a larger one; `text name json` has its text at hand from there on,
// `advance lost=name` comes back without it.
import type { Template } from "@millrace/model/definition.ts";
import type { Failure } from "@millrace/model/failure.ts";
import { runId, tenantId, workerName, workflowName } from "@millrace/model/ids.ts";
import type { ParentRef, RunMessage } from "@millrace/model/messages.ts";
import { type BlobRef, type Json, json, type Payload } from "@millrace/model/payload.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { RunCommand, SettleChild } from "@millrace/model/run-commands.ts";
import type { RunEvent } from "@millrace/model/run-events.ts";
import type { RunState, StepState } from "@millrace/model/run-state.ts";
import type { TaskOutcome } from "@millrace/model/task.ts";
import type { Plan } from "../../plan/plan.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../decision.ts";
import { childOf } from "../open-children.ts";
import { taskOf } from "../task-state.ts";
import { makeDecision, makePlan } from "./make-plan.ts";
import { readStep } from "./transcript-step.ts";
import { durationMs, templateOf, type Words, words } from "./transcript-words.ts";

/** Everything happens at or after this instant, and is shown as a distance from it. */
const START_MS = 1_000_000;
const RUN = runId("0000000z000000000000");
const PARENT = runId("0000000y000000000000");
const TENANT = tenantId("t");

/** Runs a transcript's commands again and writes it anew. */
export function rerun(text: string): string {
  const transcript = new Transcript();
  const out: string[] = [];
  for (const line of text.split("\n")) {
    // What the test wrote is written again.
    if (line.startsWith("  ")) continue;
    out.push(line);
    out.push(...transcript.line(line).map((result) => `  ${transcript.named(result)}`));
  }
  return out.join("\n");
}

class Transcript {
  readonly #steps: ReturnType<typeof readStep>[] = [];
  #output: Template | undefined;
  #timeoutMs = 0;
  #plan: Plan | undefined;
  #run: RunState | undefined;
  #nowMs = START_MS;
  #seed = 0x8000_0000;
  #eventsLeft: number | undefined;
  #canOrder = true;
  readonly #children: string[] = [];
  readonly #texts = new Map<string, Json>();

  line(line: string): string[] {
    if (line.startsWith("> ")) return this.#command(words(line.slice(2)));
    const given = words(line);
    switch (given.first) {
      case "":
      case "#":
        return [];
      case "step":
        this.#steps.push(readStep(given));
        return [];
      case "output":
        this.#output = templateOf(given.rest(1));
        return [];
      case "run-timeout":
        this.#timeoutMs = durationMs(given.at(1));
        return [];
      default:
        throw new Error(`The transcript says ${line}.`);
    }
  }

  /** Calls children by their ordinals, since their IDs say nothing. */
  named(line: string): string {
    return line.replaceAll(/\b[0-9a-hjkmnp-tv-z]{20}\b/g, (id) => {
      if (id === RUN || id === PARENT) return id;
      if (!this.#children.includes(id)) this.#children.push(id);
      return `c${this.#children.indexOf(id) + 1}`;
    });
  }

  #command(given: Words): string[] {
    switch (given.first) {
      case "wait":
        this.#nowMs += durationMs(given.at(1));
        return [];
      case "seed":
        this.#seed = Number(given.at(1));
        return [];
      case "budget":
        this.#eventsLeft = Number(given.at(1));
        return [];
      case "room":
        this.#canOrder = given.at(1) === "yes";
        return [];
      case "text":
        this.#texts.set(given.at(1), json(given.rest(2)));
        return [];
      case "state":
        return this.#run === undefined ? ["no run"] : stateLines(this.#run, this.#planOf());
      default:
        return this.#decide(this.#commandOf(given));
    }
  }

  #decide(command: RunCommand): string[] {
    const plan = this.#planOf();
    const at = { nowMs: this.#nowMs, seed: this.#seed };
    const texts = ({ sha256 }: BlobRef): Json | undefined => this.#texts.get(sha256);
    const decision: Decision = { ...makeDecision(plan, this.#run, at, texts), canOrder: this.#canOrder };
    if (this.#eventsLeft !== undefined) decision.eventsLeft = this.#eventsLeft;
    const decided = decide(decision, command);
    this.#run = decision.run;
    if ("code" in decided) return [`refused ${decided.code}: ${decided.message} ${decided.fix}`];
    const lines = [
      ...decision.events.map((event) => eventLine(event, plan)),
      ...decision.reactions.map((reaction) => reactionLine(reaction, plan)),
    ];
    if (decided.repeated) return ["repeated", ...lines];
    return lines.length === 0 ? ["nothing"] : lines;
  }

  #commandOf(given: Words): RunCommand {
    const to = { tenant: TENANT, runId: RUN };
    const text = given.rest(1);
    switch (given.first) {
      case "start":
        return {
          ...{ type: "start", ...to, workflow: workflowName("w"), version: 1, input: payloadOf(text === "" ? "{}" : text) },
          ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: parentOf(given) },
        };
      case "done":
        return this.#result(given, { type: "completed", output: payloadOf(given.rest(2)) });
      case "fail":
        return this.#result(given, { type: "failed", failure: failureOf(given) });
      case "gave-up":
        return this.#result(given, { type: "cancelled" });
      case "child":
        return this.#childEnded(given);
      case "signal":
        return { type: "signal", ...to, signalId: given.option("id"), name: given.at(1), payload: json(given.rest(2)) };
      case "cancel":
      case "terminate":
      case "pause":
        return { type: given.first, ...to, reason: text };
      case "retry":
        return { type: "retry", ...to, requestId: text };
      case "resume":
      case "timer-due":
        return { type: given.first, ...to };
      case "advance":
        return { type: given.first, ...to, lost: given.option("lost") === "" ? [] : [blobOf(given.option("lost"))] };
      default:
        throw new Error(`There is no command ${given.first}.`);
    }
  }

  #result(given: Words, outcome: TaskOutcome): RunCommand {
    const { step, item } = this.#placeOf(given);
    const newest = this.#run === undefined ? undefined : taskOf(this.#run, step, item);
    const attempt = Number(given.option("attempt") || (newest?.attempt ?? 1));
    const epoch = Number(given.option("epoch") || (this.#run?.epoch ?? 1));
    const token = { runId: RUN, epoch, step, item, attempt };
    const result = { ...token, outcome, worker: workerName("w@1"), startedMs: this.#nowMs, logs: null };
    return { type: "result", tenant: TENANT, runId: RUN, result };
  }

  /** `child pack completed {"ok":true}`, `child pack failed CODE`, `child audit started`; `of=c1` names an earlier child. */
  #childEnded(given: Words): RunCommand {
    const { step, item } = this.#placeOf(given);
    const status = statusOf(given.at(2));
    const earlier = this.#children[Number(given.option("of").slice(1)) - 1];
    const child = runId(earlier ?? (this.#run === undefined ? "" : (childOf(this.#run, step, item) ?? "")));
    const output = status === "completed" ? json(given.rest(3)) : null;
    const code = given.at(3);
    const failed = { code, class: "permanent", message: "no", guidance: "", retryAfterMs: 0 } as const;
    const failure = status === "completed" || code === "" ? null : failed;
    const epoch = this.#run?.epoch ?? 1;
    const place = { child, epoch, step, item, attempt: 1 };
    return { type: "child-ended", tenant: TENANT, runId: RUN, ...place, status, output, failure, startedMs: this.#nowMs };
  }

  #placeOf(given: Words): { readonly step: number; readonly item: number } {
    const [, name = "", index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(given.at(1)) ?? [];
    const step = this.#planOf().steps.find((known) => known.name === name)?.index ?? 99;
    return { step, item: index === undefined ? -1 : Number(index) };
  }

  #planOf(): Plan {
    this.#plan ??= makePlan(this.#steps, this.#output, this.#timeoutMs);
    return this.#plan;
  }
}

/** `start parent=waits depth=3`: a child of a run that waits, or `parent=detached`. */
function parentOf(given: Words): ParentRef | null {
  const parent = given.option("parent");
  if (parent === "") return null;
  const place = { runId: PARENT, epoch: 1, step: 2, item: -1, attempt: 1, stepName: "order" };
  return { ...place, wait: parent === "waits", depth: Number(given.option("depth") || 1) };
}

function statusOf(text: string): SettleChild["status"] {
  switch (text) {
    case "completed":
    case "started":
    case "refused":
    case "failed":
    case "cancelled":
    case "terminated":
    case "timed-out":
      return text;
    default:
      throw new Error(`A child cannot be ${text}.`);
  }
}

function payloadOf(text: string): Payload {
  return text.startsWith("@") ? blobOf(text.slice(1)) : json(text);
}

function blobOf(text: string): BlobRef {
  const [name = "", bytes = "70000"] = text.split(":");
  return { sha256: name, bytes: Number(bytes) };
}

/** `fail a CODE class [after=5s]`: transient unless it says otherwise. */
function failureOf(given: Words): Failure {
  const type = given.at(3);
  const after = given.option("after");
  return {
    code: given.at(2),
    class: type === "permanent" || type === "uncertain" ? type : "transient",
    message: "no",
    guidance: "",
    retryAfterMs: after === "" ? 0 : durationMs(after),
  };
}

/** Fields that say where, are the same everywhere, or are long and boring. */
const UNSHOWN = new Set(["type", "runId", "step", "item", "attempt", "tenant", "workflow", "worker", "logs", "guidance"]);

function eventLine(event: RunEvent, plan: Plan): string {
  return [event.type, placeText(event, plan), ...fields({ ...event })].filter((part) => part !== "").join(" ");
}

function reactionLine(reaction: Reaction, plan: Plan): string {
  if (reaction.type === "send") return `! tell ${messageText(reaction.message, plan)}`;
  return `! ${[reaction.type, placeText(reaction, plan), ...fields({ ...reaction })].filter((part) => part !== "").join(" ")}`;
}

/** To a child or to the parent; the place in a parent's own plan is not known here. */
function messageText(message: RunMessage, plan: Plan): string {
  const { type, to, from: _, tenant: __, ...rest } = message;
  const place = message.type === "start-child" ? placeText(message, plan) : "";
  return [to, type, place, ...fields(rest)].filter((part) => part !== "").join(" ");
}

function placeText(of: object, plan: Plan): string {
  if (!("step" in of) || typeof of.step !== "number") return "";
  const item = "item" in of && typeof of.item === "number" && of.item >= 0 ? `[${of.item}]` : "";
  const attempt = "attempt" in of ? `#${String(of.attempt)}` : "";
  return `${plan.steps[of.step]?.name ?? of.step}${item}${attempt}`;
}

function fields(of: { readonly [name: string]: unknown }): string[] {
  return Object.entries(of)
    .filter(([name, value]) => !UNSHOWN.has(name) && value !== "" && value !== null)
    .map(([name, value]) => `${name}=${fieldText(name, value)}`);
}

function fieldText(name: string, value: unknown): string {
  if (name.endsWith("Ms") && typeof value === "number") return value === 0 ? "never" : timeText(value);
  if (typeof value === "object" && value !== null && "failure" in value && "item" in value && "step" in value)
    return `${String(value.step)}/${String(value.item)}:${fieldText("failure", value.failure)}`;
  if (typeof value === "object" && value !== null && "code" in value && "class" in value && "message" in value)
    return `${String(value.code)}(${String(value.class)}: ${String(value.message)})`;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function timeText(atMs: number): string {
  return `+${atMs - START_MS}`;
}

function stateLines(run: RunState, plan: Plan): string[] {
  const head = `${run.status} epoch=${run.epoch} openSteps=${run.openSteps} openAttempts=${run.openAttempts}`;
  const steps = plan.steps.flatMap((step) => stepLines(step.name, run.steps[step.index]));
  const signals = run.signals.map((signal) => `signal ${signal.name} waits`);
  const children = (run.children ?? []).map(({ step, item, child }) => `child ${child} of ${placeText({ step, item }, plan)}`);
  return [head, ...steps, ...signals, ...children];
}

function stepLines(name: string, state: StepState | undefined): string[] {
  if (state === undefined) return [];
  const key = "keyEpoch" in state ? ` attempt=${state.attempt} keyEpoch=${state.keyEpoch}` : "";
  if (!("tasks" in state)) return [`${name}: ${state.status}${key}`];
  const counts = `open=${state.open} completed=${state.completed} next=${state.next}`;
  const items = state.tasks.flatMap((task, item) => (task === null ? [] : stepLines(`${name}[${item}]`, task)));
  return [`${name}: ${state.status} ${counts}`, ...items];
}

