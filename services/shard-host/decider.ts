// Decides letters: finds what a command needs in memory, asks the core, and puts what came of it into the turn.

import type { Plan } from "@millrace/core/plan/plan.ts";
import { decide } from "@millrace/core/run/decide.ts";
import { COMMAND_BYTES_MAX, COMMAND_EVENTS_MAX, type Decided, type Decision } from "@millrace/core/run/decision.ts";
import { slotOfRun, startOfRun } from "@millrace/core/run-id.ts";
import type { Origin } from "@millrace/link/link.ts";
import type { RegisteredDefinition } from "@millrace/link/registry.ts";
import { DEFINITION_BYTES_MAX } from "@millrace/model/definition.ts";
import { type RunId, type TenantId, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import type { RunMessage } from "@millrace/model/messages.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import type { Reaction } from "@millrace/model/reaction.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { MessageContent, ReceiveMessage, RunCommand, StartRun } from "@millrace/model/run-commands.ts";
import type { MessagesAcked, RunEvent } from "@millrace/model/run-events.ts";
import type { EndStatus, RunState } from "@millrace/model/run-state.ts";
import type { Actor } from "./actors.ts";
import { forgetTask } from "./dispatch/run-tasks.ts";
import type { EndWatch } from "./end-watch.ts";
import { TURN_BYTES_MAX } from "./limits.ts";
import type { Letter } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import { refusedChild } from "./outbox/refused-child.ts";
import type { PinnedPlan } from "./plans.ts";
import { dispatchedTask } from "./reactions.ts";
import { keyReused, unavailable, workflowNotFound, workflowTooLarge } from "./refusals.ts";
import { runEnd } from "./run-end.ts";
import type { Turn } from "./turn.ts";

/** Finds a registered definition. */
export type FindDefinition = (
  tenant: TenantId,
  name: WorkflowName,
  version: number,
) => RegisteredDefinition | undefined;

/** Commands that the run they are for decides. */
type Told = Exclude<RunCommand, StartRun>;

/** How long a definition that was registered may take to be known everywhere (DESIGN §6a). */
const REGISTRY_LAG_MS = 1_000;

/** The plan of a run nobody knows: deciding about it looks at no step. */
const NO_PLAN: Plan = {
  definition: { name: workflowName(""), triggers: [], steps: [], output: null, hasOutput: false, timeoutMs: 0 },
  steps: [],
  roots: [],
  output: { type: "passed", from: -1 },
  timeoutMs: 0,
};

/** What most commands know to be lost. */
const NO_BLOBS: readonly BlobRef[] = [];

/** Spreads the turn's seed over its commands (the golden ratio in 32 bits). */
const SEED_STEP = 0x9e3779b9;

export class Decider {
  readonly #memory: ShardMemory;
  readonly #find: FindDefinition;
  readonly #ends: EndWatch;
  readonly #watched: (runId: RunId) => boolean;

  constructor(memory: ShardMemory, find: FindDefinition, ends: EndWatch, watched: (runId: RunId) => boolean) {
    this.#memory = memory;
    this.#find = find;
    this.#ends = ends;
    this.#watched = watched;
  }

  /**
   * Decides a letter into the turn. `next-turn`: the record has no room left beside the definition it had to pin; then the
   * letter is to be decided again.
   */
  decide(letter: Letter, turn: Turn, seed: number): "next-turn" | undefined {
    // Whoever sent it is answered even if deciding throws.
    turn.letters.push(letter);
    const later = this.#letter(letter, turn, seed);
    if (later !== undefined) turn.letters.pop();
    return later;
  }

  /** Puts into the turn that receivers have messages. */
  acknowledge(acked: MessagesAcked, turn: Turn): void {
    this.#memory.ways.acknowledge(acked, turn.position);
    turn.note(acked);
  }

  #letter(letter: Letter, turn: Turn, seed: number): "next-turn" | undefined {
    const { command } = letter;
    switch (command.type) {
      case "start":
        return this.#start(letter, command, turn, seed);
      case "message":
        return this.#message(letter, command, turn, seed);
      default:
        this.#tell(letter, command, turn, seed);
        return undefined;
    }
  }

  /** Lets a run decide a command; a `letter` of null is not answered. */
  #tell(letter: Letter | null, command: Told, turn: Turn, seed: number): void {
    const actor = this.#memory.actors.load(command.runId);
    // Its timer has gone off; looking at it asks for the next one.
    if (actor !== undefined && command.type === "timer-due") actor.armedMs = 0;
    const decision = this.#decision(actor?.run, actor?.plan ?? NO_PLAN, turn, seed);
    const from = mark(turn);
    const reopens = actor !== undefined && actor.run.endedMs !== 0;
    const decided = decide(decision, command);
    if (reopens && actor.run.endedMs === 0) this.#memory.actors.revive(actor);
    if (actor !== undefined) this.#settle(actor, turn, from);
    if (letter !== null) this.#answer(letter, decided, turn, actor?.run);
  }

  /** Counts a message that is the next on its way, in the record of what it does (I3). */
  #message(letter: Letter, message: ReceiveMessage, turn: Turn, seed: number): "next-turn" | undefined {
    const { origin, ref } = letter;
    const { from, lane, number, runId } = message;
    const way = { from, to: slotOfRun(runId), lane };
    const standing = this.#memory.ways.standing(way, number);
    if (standing === "early") {
      refuse(letter, unavailable(`Message ${number} came before the one before it.`), turn);
      return undefined;
    }
    if (standing === "next") {
      const later = this.#deliver(message.content, turn, seed);
      if (later === "next-turn") return later;
      if (later !== undefined) {
        refuse(letter, later, turn);
        return undefined;
      }
      const applied = { type: "message-applied", ...way, number } as const;
      this.#memory.ways.apply(applied, turn.position);
      turn.note(applied);
    }
    if (origin !== null) turn.reply(origin, done(ref, runId, standing === "repeated", 0));
    return undefined;
  }

  /** Does what a message says. A refusal means "not now"; what can never be done is told to the sender, and done with. */
  #deliver(content: MessageContent, turn: Turn, seed: number): "next-turn" | Refusal | undefined {
    if (content === null) return undefined;
    if (content.type !== "start") {
      this.#tell(null, content, turn, seed);
      return undefined;
    }
    if (this.#memory.actors.load(content.runId) !== undefined) return undefined;
    const command = this.#newest(content);
    const pinned = this.#plan(command, turn);
    if (!("code" in pinned)) {
      if (turn.bytes > TURN_BYTES_MAX) return "next-turn";
      this.#begin(command, pinned, turn, seed);
      return undefined;
    }
    // Definitions may be on their way here still.
    if (turn.timeMs < startOfRun(command.runId) + REGISTRY_LAG_MS) return unavailable(pinned.message);
    const refused = refusedChild(command, pinned);
    if (refused !== null) this.#send(refused, turn);
    return undefined;
  }

  /** A start of the newest version, as one of the version it is now. */
  #newest(command: StartRun): StartRun {
    if (command.version > 0) return command;
    return { ...command, version: this.#find(command.tenant, command.workflow, 0)?.version ?? 0 };
  }

  #send(message: RunMessage, turn: Turn): void {
    const sent = this.#memory.ways.send(message, turn.position);
    turn.note({ type: "message-sent", number: sent.number, message });
    turn.sent.push(sent);
  }

  #start(letter: Letter, command: StartRun, turn: Turn, seed: number): "next-turn" | undefined {
    const { actors, keys } = this.#memory;
    const known = command.idempotencyKey === "" ? undefined : keys.get(command.tenant, command.idempotencyKey);
    const again = actors.load(known?.runId ?? command.runId);
    if (known !== undefined) {
      this.#repeat(letter, command, known, turn);
      if (again !== undefined) actors.rest(again);
      return undefined;
    }
    if (again !== undefined) {
      this.#answerStart(letter, again.run, true, turn);
      actors.rest(again);
      return undefined;
    }
    const pinned = this.#plan(command, turn);
    if ("code" in pinned) {
      // The gateway has found it, or there would be no command: its registration is on its way here.
      refuse(letter, pinned.code === "WORKFLOW_NOT_FOUND" ? unavailable(pinned.message) : pinned, turn);
      return undefined;
    }
    if (turn.bytes > TURN_BYTES_MAX) return "next-turn";
    if (command.idempotencyKey !== "") keys.add(keyRow(command, turn.timeMs), turn.position);
    if (letter.notifyEnd && letter.origin !== null) this.#ends.add(command.runId, letter.origin, letter.ref);
    this.#begin(command, pinned, turn, seed);
    if (letter.origin !== null) turn.reply(letter.origin, done(letter.ref, command.runId, false, 1));
    return undefined;
  }

  /** Begins a run that nobody knows. */
  #begin(command: StartRun, pinned: PinnedPlan, turn: Turn, seed: number): void {
    const decision = this.#decision(undefined, pinned.plan, turn, seed);
    const from = mark(turn);
    decide(decision, command);
    if (decision.run === undefined) throw new Error(`Starting ${command.runId} made no run.`);
    this.#settle(this.#memory.actors.add(decision.run, pinned.plan, turn.position), turn, from);
  }

  /** The pinned plan of a start's workflow; pins it in this very turn the first time (DESIGN §6a). */
  #plan(command: StartRun, turn: Turn): PinnedPlan | Refusal {
    const { tenant, workflow, version } = command;
    const pinned = this.#memory.plans.get(tenant, workflow, version);
    if (pinned !== undefined) return pinned;
    const found = this.#find(tenant, workflow, version);
    if (found === undefined) return workflowNotFound(command);
    const body = JSON.stringify(found.definition);
    if (Buffer.byteLength(body) > DEFINITION_BYTES_MAX) return workflowTooLarge(command);
    const event = {
      type: "definition-pinned",
      tenant,
      workflow,
      version,
      body,
    } as const;
    turn.note(event);
    return this.#memory.plans.pin(event, turn.position);
  }

  #decision(run: RunState | undefined, plan: Plan, turn: Turn, seed: number): Decision {
    return {
      run,
      plan,
      at: { nowMs: turn.timeMs, seed: (seed + Math.imul(turn.letters.length, SEED_STEP)) >>> 0 },
      events: turn.events,
      reactions: turn.reactions,
      blobText: this.#memory.texts.text,
      lost: NO_BLOBS,
      eventsLeft: COMMAND_EVENTS_MAX,
      bytesLeft: COMMAND_BYTES_MAX,
      advanceAsked: false,
      canOrder: !this.#memory.ways.full,
      roomAwaited: false,
      loadAsked: false,
    };
  }

  /** Files what a command did to a run. */
  #settle(actor: Actor, turn: Turn, from: Mark): void {
    const { actors } = this.#memory;
    if (turn.events.length === from.events) {
      // What it asks for is given to it in memory, and then it may rest.
      if (turn.reactions.length === from.reactions) actors.rest(actor);
      return;
    }
    turn.seal();
    actor.position = turn.position;
    actor.dirty = true;
    actors.weigh(actor);
    for (let index = from.events; index < turn.events.length; index++) this.#fileEvent(actor, turn.events[index]);
    if (this.#watched(actor.runId)) turn.watched.add(actor.runId);
    for (let index = from.reactions; index < turn.reactions.length; index++) {
      const reaction = turn.reactions[index];
      if (reaction !== undefined) this.#fileReaction(actor, reaction, turn);
    }
  }

  /** Takes down what a reaction will need of the run while the run is at hand. */
  #fileReaction(actor: Actor, reaction: Reaction, turn: Turn): void {
    switch (reaction.type) {
      case "dispatch":
        turn.dispatches.push(dispatchedTask(actor, reaction));
        return;
      case "withdraw":
        turn.dispatches.push({ actor, cancel: reaction.cancel });
        return;
      case "ended":
        this.#end(actor, reaction.status, turn);
        return;
      case "send":
        this.#send(reaction.message, turn);
        return;
      case "timer":
      case "advance":
      case "await-room":
      case "load":
        return;
    }
  }

  #fileEvent(actor: Actor, event: RunEvent | undefined): void {
    if (event === undefined) return;
    switch (event.type) {
      case "step-completed":
      case "attempt-failed":
      case "attempt-cancelled":
        forgetTask(actor, event.step, event.item);
        return;
      default:
        return;
    }
  }

  #end(actor: Actor, status: EndStatus, turn: Turn): void {
    const watchers = this.#ends.take(actor.runId);
    if (watchers !== undefined) for (const { origin, ref } of watchers) this.#tellEnd(actor, origin, ref, turn);
    this.#memory.actors.end(actor, status);
  }

  #repeat(letter: Letter, command: StartRun, known: { runId: RunId; inputHash: string }, turn: Turn): void {
    if (known.inputHash !== command.inputHash) return refuse(letter, keyReused(command), turn);
    const run = this.#memory.actors.load(known.runId)?.run;
    // The run may be past retention while its key is still kept: the first answer stands (I3).
    if (run === undefined) {
      if (letter.origin !== null) turn.reply(letter.origin, done(letter.ref, known.runId, true, 1));
      return;
    }
    this.#answerStart(letter, run, true, turn);
  }

  #answerStart(letter: Letter, run: RunState, repeated: boolean, turn: Turn): void {
    const { origin, ref } = letter;
    if (origin === null) return;
    turn.reply(origin, done(ref, run.runId, repeated, run.epoch));
    if (!letter.notifyEnd) return;
    const actor = this.#memory.actors.load(run.runId);
    if (run.endedMs === 0) this.#ends.add(run.runId, origin, ref);
    else if (actor !== undefined) this.#tellEnd(actor, origin, ref, turn);
  }

  #tellEnd(actor: Actor, origin: Origin, ref: number, turn: Turn): void {
    const end = runEnd(actor, ref);
    if (end !== undefined) turn.end(origin, end);
  }

  #answer(letter: Letter, decided: Decided, turn: Turn, run: RunState | undefined): void {
    if (letter.origin === null) return;
    if ("code" in decided) return refuse(letter, decided, turn);
    const epoch = decided.epoch > 0 ? decided.epoch : (run?.epoch ?? 0);
    turn.reply(letter.origin, done(letter.ref, letter.command.runId, decided.repeated, epoch));
  }
}

interface Mark {
  readonly events: number;
  readonly reactions: number;
}

function mark(turn: Turn): Mark {
  return { events: turn.events.length, reactions: turn.reactions.length };
}

function done(ref: number, runId: RunId, repeated: boolean, epoch: number) {
  return { type: "done", ref, runId, repeated, epoch } as const;
}

function refuse(letter: Letter, refusal: Refusal, turn: Turn): void {
  if (letter.origin !== null) turn.reply(letter.origin, { type: "refused", ref: letter.ref, refusal });
}

function keyRow(command: StartRun, startedMs: number) {
  const { tenant, idempotencyKey, runId, inputHash } = command;
  return { tenant, key: idempotencyKey, runId, inputHash, startedMs };
}
