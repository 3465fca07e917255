// RPCs as grpc-js handlers: context in, outcome out, every call timed.
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { REFUSALS } from "@millrace/errors/catalogue.ts";
import { statusOf } from "@millrace/rpc/error-details.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";
import { type AnswerStream, DeadlinePassed, Refused, type StreamCall, type UnaryCall } from "../calls/call.ts";
import { contextOf } from "./call-context.ts";

/** What handlers report to. */
export interface CallWatch {
  readonly log: Log;
  readonly metrics: Pick<Metrics, "grpcCallSeconds">;
}

export function unaryHandler<Request, Response>(
  watch: CallWatch,
  method: string,
  rpc: UnaryCall<Request, Response>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    const done = timer(watch, method);
    const fail = (error: ServiceError, name: string) => {
      done(name);
      callback(error);
    };
    const context = contextOf(call);
    if (context instanceof Refused) {
      fail(errorOf(context), statusName(context));
      return;
    }
    rpc(call.request, context).then(
      (outcome) => {
        if (outcome instanceof Refused) fail(errorOf(outcome), statusName(outcome));
        else if (outcome instanceof DeadlinePassed) fail(deadlineError(outcome), "DEADLINE_EXCEEDED");
        else {
          done("OK");
          callback(null, outcome);
        }
      },
      (error: unknown) => {
        watch.log.error("A call failed inside the gateway.", { method, error });
        fail(INTERNAL, "INTERNAL");
      },
    );
  };
}

export function streamHandler<Request, Response>(
  watch: CallWatch,
  method: string,
  rpc: StreamCall<Request, Response>,
): handleServerStreamingCall<Request, Response> {
  return (call) => {
    const done = timer(watch, method);
    const context = contextOf(call);
    if (context instanceof Refused) {
      done(statusName(context));
      call.emit("error", errorOf(context));
      return;
    }
    call.on("cancelled", () => done("CANCELLED"));
    const stream: AnswerStream<Response> = {
      send: (response) => call.write(response),
      onDrain: (callback) => call.once("drain", callback),
      end: () => {
        done("OK");
        call.end();
      },
      fail: (refused) => {
        done(statusName(refused));
        call.emit("error", errorOf(refused));
      },
    };
    rpc(call.request, context, stream);
  };
}

/** A bidirectional stream, as the pieces of its own that a connection has. */
export interface Duplex<Request> {
  frame(request: Request): void;
  halfClose(): void;
  writable(): void;
  /** The stream broke, or the client cancelled it. */
  gone(): void;
}

/** The wire under a connection. */
export interface DuplexWire<Response> {
  send(response: Response): boolean;
  pause(): void;
  resume(): void;
  end(): void;
  fail(refused: Refused): void;
}

/** Joins a grpc-js bidirectional call to the connection that `open` makes on its wire. */
export function serveDuplex<Request, Response>(
  watch: CallWatch,
  method: string,
  call: ServerDuplexStream<Request, Response>,
  open: (wire: DuplexWire<Response>) => Duplex<Request>,
): void {
  const finished = timer(watch, method);
  let over = false;
  const finish = (name: string): boolean => {
    if (over) return false;
    over = true;
    finished(name);
    return true;
  };
  const duplex = open({
    send: (response) => over || call.write(response),
    pause: () => call.pause(),
    resume: () => call.resume(),
    end: () => {
      if (finish("OK")) call.end();
    },
    fail: (refused) => {
      if (finish(statusName(refused))) call.emit("error", errorOf(refused));
    },
  });
  call.on("data", (request: Request) => {
    if (!over) duplex.frame(request);
  });
  call.on("end", () => {
    if (!over) duplex.halfClose();
  });
  call.on("drain", () => duplex.writable());
  const gone = () => {
    if (finish("CANCELLED")) duplex.gone();
  };
  call.on("cancelled", gone);
  call.on("error", gone);
}

/** The status of a refused call. */
export function errorOf(refused: Refused): ServiceError {
  return statusOf(refused.refusal, refused.violations);
}

export function statusName(refused: Refused): string {
  return REFUSALS[refused.refusal.code].status;
}

const INTERNAL: ServiceError = bareError(status.INTERNAL, "Something broke inside Millrace; its log says what.");

function deadlineError(passed: DeadlinePassed): ServiceError {
  return bareError(status.DEADLINE_EXCEEDED, passed.message);
}

function bareError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}

/** Call once with the status's name; later calls do nothing. */
function timer(watch: CallWatch, method: string): (statusName: string) => void {
  const startedMs = performance.now();
  let done = false;
  return (name) => {
    if (done) return;
    done = true;
    watch.metrics.grpcCallSeconds.observe({ method, status: name }, (performance.now() - startedMs) / 1_000);
  };
}
