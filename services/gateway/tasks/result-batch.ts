import type { Envelope, Origin, Reply, RunEnd } from "@millrace/link/link.ts";
import type { Failure } from "@millrace/model/failure.ts";
import type { TenantId, WorkerName } from "@millrace/model/ids.ts";
import type { RefusalCode } from "@millrace/model/refusal.ts";
import type { TaskToken } from "@millrace/model/task.ts";
import type { HeldTask } from "./held-tasks.ts";
import { tokenName } from "./task-token.ts";
import type { ReportedResult } from "./worker-link.ts";
import type { WorkerSession } from "./worker-session.ts";

/** Refusals that pass: the result is handed in again. Any other answer settles it (I3: late results change nothing). */
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>(["SHARD_OVERLOADED", "SHARD_UNAVAILABLE", "DISK_FULL"]);

/** The wait before handing in again when the refusal names none. */
const RETRY_DELAY_MS_MIN = 100;

/** What a result batch needs of the hub. */
export interface BatchOwner {
  submit(batch: ResultBatch, envelopes: readonly Envelope[]): void;
  retryLater(delayMs: number, retry: () => void): void;
  /** `count` more answers came; with `batch.open` 0 there is none missing. */
  answered(batch: ResultBatch, count: number): void;
}

/**
 * Results on their way to the shards: one frame of a worker, or the hub's own verdicts. The origin of its commands,
 * whose refs are indices, so that an answer costs no look-up. It is done only when every result was answered (I1).
 */
export class ResultBatch implements Origin {
  /** Whose frame this is; null = a verdict of the hub's own. */
  readonly session: WorkerSession | null;
  /** The worker's number for it. */
  readonly frame: number;
  readonly envelopes: readonly Envelope[];
  /** Results without an answer. */
  open: number;
  readonly #owner: BatchOwner;

  constructor(owner: BatchOwner, envelopes: readonly Envelope[], session: WorkerSession | null, frame: number) {
    this.#owner = owner;
    this.envelopes = envelopes;
    this.session = session;
    this.frame = frame;
    this.open = envelopes.length;
  }

  replied(replies: readonly Reply[]): void {
    let again: Envelope[] | null = null;
    let delayMs = RETRY_DELAY_MS_MIN;
    for (const reply of replies) {
      if (reply.type === "done" || !PASSING.has(reply.refusal.code)) continue;
      const envelope = this.envelopes[reply.ref];
      if (envelope === undefined) continue;
      again ??= [];
      again.push(envelope);
      delayMs = Math.max(delayMs, reply.refusal.retryDelayMs);
    }
    const answered = replies.length - (again === null ? 0 : again.length);
    this.open -= answered;
    if (again !== null) {
      const envelopes = again;
      this.#owner.retryLater(delayMs, () => this.#owner.submit(this, envelopes));
    }
    if (answered > 0) this.#owner.answered(this, answered);
  }

  /** Results ask for no ends. */
  ended(_ends: readonly RunEnd[]): void {}
}

/** Who an attempt belongs to and who made it. */
export interface Attribution {
  readonly tenant: TenantId;
  readonly worker: WorkerName;
  /** Epoch ms when the worker was given it; 0 = unknown or never. */
  readonly startedMs: number;
}

/**
 * The command for a result that a session reports, `held` being what is known of its attempt. null = another worker has
 * it and the session never announced it: it counts for nothing.
 */
export function recordReport(
  ref: number,
  result: ReportedResult,
  session: WorkerSession,
  held: HeldTask | undefined,
): Envelope | null {
  const { worker, hello } = session;
  if (held === undefined) return recordResult(ref, result, result, { tenant: hello.tenant, worker, startedMs: 0 });
  const own = held.session.worker === worker;
  if (!own && !session.announced.has(tokenName(result))) return null;
  // The task's own run ID rather than the one read off the wire: the shard finds its run faster by a string it knows.
  const { token, tenant, startedMs } = held;
  return recordResult(ref, token, result, { tenant, worker, startedMs: own ? startedMs : 0 });
}

/** The command that records what came of the attempt `token`. */
function recordResult(ref: number, token: TaskToken, of: Reported, by: Attribution): Envelope {
  const { runId, epoch, step, item, attempt } = token;
  const { outcome, logs } = of;
  const { tenant, worker, startedMs } = by;
  const result = { runId, epoch, step, item, attempt, outcome, worker, startedMs, logs };
  return { ref, notifyEnd: false, command: { type: "result", tenant, runId, result } };
}

/** The commands that record a verdict of the hub's own on attempts it has released. */
export function recordVerdict(lost: readonly HeldTask[], failure: Failure): Envelope[] {
  const outcome = { type: "failed", failure } as const;
  return lost.map(({ token, tenant, session, startedMs }, ref) =>
    recordResult(ref, token, { outcome, logs: null }, { tenant, worker: session.worker, startedMs }),
  );
}

/** What came of an attempt. */
type Reported = Pick<ReportedResult, "outcome" | "logs">;
