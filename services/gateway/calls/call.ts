// What every RPC is written against, so that one implementation serves gRPC, JSON over HTTP and webhooks.

import type { TenantId } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { FieldViolation } from "@millrace/rpc/error-details.ts";

/** Who calls, and for how long. */
export interface CallContext {
  readonly tenant: TenantId;
  /** W3C trace context; empty = none. */
  readonly traceparent: string;
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal;
}

/** A call that changed nothing, as a value; `violations` when a request has several mistakes. */
export class Refused {
  readonly refusal: Refusal;
  readonly violations: readonly FieldViolation[] | undefined;

  constructor(refusal: Refusal, violations?: readonly FieldViolation[]) {
    this.refusal = refusal;
    this.violations = violations;
  }
}

/** The deadline passed while the call waited for a run's end; the run goes on. */
export class DeadlinePassed {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** What a call comes to. */
export type Outcome<Response> = Response | Refused | DeadlinePassed;

/** An RPC with one answer. */
export type UnaryCall<Request, Response> = (request: Request, context: CallContext) => Promise<Outcome<Response>>;

/** Where a streaming RPC's answers go. */
export interface AnswerStream<Response> {
  /** false = the stream is full: nothing more until `onDrain` calls back. */
  send(response: Response): boolean;
  onDrain(callback: () => void): void;
  end(): void;
  fail(refused: Refused): void;
}

/** An RPC with a stream of answers. It ends itself, or stops when the context's signal is aborted. */
export type StreamCall<Request, Response> = (
  request: Request,
  context: CallContext,
  stream: AnswerStream<Response>,
) => void;
