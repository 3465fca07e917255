import { runOutput } from "@millrace/core/run/input.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { RunMessage } from "@millrace/model/messages.ts";
import type {
  AttemptFailed,
  CancelRequested,
  ChildOrdered,
  JournalEvent,
  RunEnded,
  RunStarted,
  StepCompleted,
} from "@millrace/model/run-events.ts";
import type { Checker } from "./observation.ts";
import type { Truth } from "./truth.ts";

/**
 * Children begin only as they were ordered, and once; their parents are told once, of what is so; whoever is told to
 * stop stops; and in the end nothing that was ordered is missing.
 */
export function children(): Checker {
  const families = new Families();
  return {
    invariant: "I4",
    see(seen, truth) {
      switch (seen.type) {
        case "event":
          return families.event(seen.event, truth);
        case "folded":
          return families.folded();
        case "over":
          return families.over(truth);
        default:
          return undefined;
      }
    },
  };
}

/** An order, as its parent journaled it. */
interface Order {
  readonly event: ChildOrdered;
  readonly epoch: number;
}

class Families {
  /** By the child's ID. */
  readonly #orders = new Map<string, Order>();
  /** What a parent was told of each child. */
  readonly #answers = new Map<RunId, RunMessage>();
  /** Children whose parents have noted a failure. */
  readonly #failed = new Set<string>();
  /** Children that the record being folded must tell to stop. */
  readonly #unwanted = new Set<RunId>();

  event(event: JournalEvent, truth: Truth): string | undefined {
    switch (event.type) {
      case "child-ordered":
        this.#orders.set(event.child, { event, epoch: truth.runs.get(event.runId)?.state.epoch ?? 0 });
        return undefined;
      case "run-started":
        return event.parent === null ? undefined : begun(event, this.#orders.get(event.runId));
      case "message-sent":
        return this.#sent(event.message);
      case "message-applied":
        return stopped(truth.ways.message(event), truth);
      case "step-completed":
        return this.#attempt(event, truth) ?? this.#completed(event, truth);
      case "attempt-failed":
        this.#failed.add(event.worker);
        return this.#attempt(event, truth);
      case "cancel-requested":
      case "run-ended":
        return this.#stopping(event, truth);
      default:
        return undefined;
    }
  }

  folded(): string | undefined {
    const [left] = this.#unwanted;
    this.#unwanted.clear();
    return left === undefined ? undefined : `the parent of ${left} stopped, and does not tell it`;
  }

  over(truth: Truth): string | undefined {
    for (const { event, epoch } of this.#orders.values()) {
      const { child, runId } = event;
      const state = truth.runs.get(child)?.state;
      if (this.#answers.has(child)) continue;
      if (state !== undefined) return `child ${child} of ${runId} is ${state.status}, and its parent was told nothing`;
      // Or its parent had gone on to its next epoch before it could be started, or has lost its input and says so.
      const isGivenUp = truth.runs.get(runId)?.state.epoch !== epoch || this.#failed.has(child);
      if (!isGivenUp) return `child ${child} of ${runId} never began`;
    }
    return undefined;
  }

  #sent(message: RunMessage): string | undefined {
    if (message.type === "start-child") return undefined;
    if (message.type === "stop-child") {
      this.#unwanted.delete(message.to);
      return undefined;
    }
    const child = message.from;
    const before = this.#answers.get(child);
    this.#answers.set(child, message);
    if (before !== undefined) return `the parent of ${child} is told ${before.type} and ${message.type}`;
    return this.#orders.has(child) ? undefined : `${child} answers to a parent that never ordered it`;
  }

  /** Whoever is stopped stops its children, as its steps say. */
  #stopping(event: CancelRequested | RunEnded, truth: Truth): undefined {
    // Those of a run that was being cancelled have been told.
    if (event.type === "run-ended" && event.status === "cancelled") return undefined;
    const run = truth.runs.get(event.runId);
    for (const { step, child } of run?.state.children ?? [])
      if (run?.plan.steps[step]?.child?.onCancel !== "abandon") this.#unwanted.add(child);
    return undefined;
  }

  /** What became of a child counts for the attempt that it is, and for no other. */
  #attempt({ runId, step, item, attempt, worker }: StepCompleted | AttemptFailed, truth: Truth): string | undefined {
    const order = this.#orders.get(worker);
    if (order === undefined) return undefined;
    const { event, epoch } = order;
    const isIts = event.step === step && event.item === item && event.attempt === attempt;
    if (isIts && event.runId === runId && truth.runs.get(runId)?.state.epoch === epoch) return undefined;
    return `the end of ${worker} counts for attempt ${attempt} of step ${step} of ${runId}, which is not its own`;
  }

  /** What a step has of a child is what the child says of itself. */
  #completed(event: StepCompleted, truth: Truth): string | undefined {
    const order = this.#orders.get(event.worker);
    if (order === undefined) return undefined;
    const child = truth.runs.get(order.event.child);
    if (child === undefined) return `${event.runId} is done with ${event.worker}, which never began`;
    const { state, plan } = child;
    if (state.parent?.wait === false) return undefined;
    const output = runOutput({ run: state, plan });
    const isTold = typeof output !== "string" || typeof event.output !== "string" || output === event.output;
    if (state.status === "completed" && isTold) return undefined;
    return `${event.runId} is done with ${event.worker}, which is ${state.status} with ${JSON.stringify(output)}`;
  }
}

function begun({ runId, parent }: RunStarted, order: Order | undefined): string | undefined {
  if (order === undefined) return `${runId} begins as a child, and nothing durable ordered it`;
  const { event, epoch } = order;
  const isIt =
    parent?.runId === event.runId &&
    parent.epoch === epoch &&
    parent.step === event.step &&
    parent.item === event.item &&
    parent.attempt === event.attempt;
  return isIt ? undefined : `${runId} begins as another child than the one that was ordered`;
}

/** Whoever was told to stop is not going on as if nothing had been said. */
function stopped(message: RunMessage | undefined, truth: Truth): string | undefined {
  if (message?.type !== "stop-child") return undefined;
  const status = truth.runs.get(message.to)?.state.status;
  return status === "running" || status === "paused" ? `${message.to} was told to stop and is ${status}` : undefined;
}
