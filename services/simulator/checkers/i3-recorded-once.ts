import type { Reply } from "@millrace/link/link.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import type { Task } from "@millrace/model/task.ts";
import type { Call, Checker } from "./observation.ts";
import type { Truth } from "./truth.ts";

/** A result, a start, a signal counts once; repeated ones get the first answer; a task's key outlives its attempts. */
export function recordedOnce(): Checker {
  const once = new Once();
  return {
    invariant: "I3",
    see(seen, truth) {
      switch (seen.type) {
        case "event":
          return once.event(seen.event, truth);
        case "task":
          return once.task(seen.task);
        case "reply":
          return seen.reply.type === "done" ? once.reply(seen.call, seen.reply) : undefined;
        default:
          return undefined;
      }
    },
  };
}

class Once {
  readonly #recorded = new Set<string>();
  /** Idempotency keys of starts in the journal, and what their callers were told. */
  readonly #started = new Map<string, RunId>();
  readonly #told = new Map<string, RunId>();
  /** What callers of a retry were told. */
  readonly #epochs = new Map<string, number>();
  /** Calls that were the first of their kind. */
  readonly #firsts = new Map<string, number>();
  /** A task's idempotency key by step and epoch, and the other way round. */
  readonly #taskKeys = new Map<string, string>();
  readonly #keyTasks = new Map<string, string>();

  event(event: JournalEvent, truth: Truth): string | undefined {
    switch (event.type) {
      case "run-started": {
        if (event.idempotencyKey === "") return undefined;
        const name = `${event.tenant}/${event.idempotencyKey}`;
        const first = this.#started.get(name);
        this.#started.set(name, event.runId);
        return first === undefined ? undefined : `key ${name} started ${first} and ${event.runId}`;
      }
      case "signal-received":
        return event.signalId === "" ? undefined : this.#record(`signal ${event.signalId} of ${event.runId}`);
      case "step-completed":
      case "attempt-failed":
      case "attempt-cancelled": {
        const { runId, step, item, attempt } = event;
        const epoch = truth.runs.get(runId)?.state.epoch ?? 0;
        const place = `step ${step} item ${item} of ${runId} in epoch ${epoch}`;
        const twice = event.type === "step-completed" ? this.#record(`completion of ${place}`) : undefined;
        return twice ?? this.#record(`attempt ${attempt} at ${place}`);
      }
      default:
        return undefined;
    }
  }

  task({ runId, epoch, step, item, idempotencyKey }: Task): string | undefined {
    const task = `${runId}/${epoch}/${step}/${item}`;
    const known = this.#taskKeys.get(task);
    this.#taskKeys.set(task, idempotencyKey);
    if (known !== undefined && known !== idempotencyKey) return `task ${task} has keys ${known} and ${idempotencyKey}`;
    // The same in all epochs that keep it, and nobody else's.
    const place = `${runId}/${step}/${item}`;
    const owner = this.#keyTasks.get(idempotencyKey);
    this.#keyTasks.set(idempotencyKey, place);
    return owner === undefined || owner === place ? undefined : `key ${idempotencyKey} is of ${owner} and ${place}`;
  }

  reply(call: Call, reply: Reply & { type: "done" }): string | undefined {
    const { command } = call;
    switch (command.type) {
      case "start": {
        if (command.idempotencyKey === "") return undefined;
        const name = `${command.tenant}/${command.idempotencyKey}`;
        const told = this.#told.get(name) ?? reply.runId;
        this.#told.set(name, told);
        if (told !== reply.runId) return `callers with key ${name} were told ${told} and ${reply.runId}`;
        return this.#first(`start ${name}`, call, reply);
      }
      case "signal":
        return this.#first(`signal ${command.signalId} of ${command.runId}`, call, reply);
      case "result": {
        if (reply.repeated) return undefined;
        const { runId, epoch, step, item, attempt } = command.result;
        const place = `step ${step} item ${item} of ${runId} in epoch ${epoch}`;
        if (!this.#recorded.has(`attempt ${attempt} at ${place}`)) return `a result for ${place} counted elsewhere`;
        return this.#first(`result of attempt ${attempt} at ${place}`, call, reply);
      }
      case "retry": {
        const name = `retry ${command.requestId} of ${command.runId}`;
        const epoch = this.#epochs.get(name) ?? reply.epoch;
        this.#epochs.set(name, epoch);
        if (epoch !== reply.epoch) return `callers of ${name} were told of epochs ${epoch} and ${reply.epoch}`;
        return this.#first(name, call, reply);
      }
      default:
        return undefined;
    }
  }

  #record(what: string): string | undefined {
    if (this.#recorded.has(what)) return `recorded twice: ${what}`;
    this.#recorded.add(what);
    return undefined;
  }

  /** At most one caller hears that something new happened. */
  #first(what: string, call: Call, reply: Reply & { type: "done" }): string | undefined {
    if (reply.repeated) return undefined;
    const first = this.#firsts.get(what);
    this.#firsts.set(what, call.ref);
    return first === undefined ? undefined : `calls ${first} and ${call.ref} both were the first: ${what}`;
  }
}
