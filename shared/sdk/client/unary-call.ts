// One request, one answer: with a deadline over all tries, tried again where that cannot do harm.

import { randomInt } from "node:crypto";
import { setTimeout as passed } from "node:timers/promises";
import type { Client, Metadata } from "@grpc/grpc-js";
import { backoffMs } from "../backoff.ts";
import { errorOfCall, type MillraceError } from "./millrace-error.ts";

/** How often one call is tried at most. The deadline usually ends it before. */
const TRIES_MAX = 20;

/** A method of a generated service. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

export interface UnaryCall<Request> {
  readonly request: Request;
  readonly metadata: Metadata;
  /** For all tries together, ms. */
  readonly timeoutMs: number;
  /** Whether doing it twice is the same as once: then a call that got lost is tried again, too. */
  readonly repeatable: boolean;
}

/**
 * Calls until it gets an answer or the deadline passes. Tried again: what the server refused with a retry delay, for
 * that changed nothing, and, when `repeatable`, whatever found no server. Throws MillraceError.
 */
export async function callUnary<Request, Response>(
  client: Client,
  method: UnaryMethod<Request, Response>,
  call: UnaryCall<Request>,
): Promise<Response> {
  const deadlineMs = Date.now() + call.timeoutMs;
  for (let tries = 1; ; tries++) {
    const answer = await callOnce(client, method, { ...call, deadlineMs });
    if (answer.type === "answered") return answer.response;
    const delayMs = retryInMs(answer.error, call.repeatable, tries);
    if (delayMs === undefined || tries === TRIES_MAX || Date.now() + delayMs >= deadlineMs) throw answer.error;
    await passed(delayMs);
  }
}

/** When to try again, ms; undefined = not at all. */
function retryInMs({ code, retryDelayMs }: MillraceError, repeatable: boolean, tries: number): number | undefined {
  if (code !== "UNAVAILABLE" && code !== "RESOURCE_EXHAUSTED") return undefined;
  const jitterMs = backoffMs(tries, randomInt(2 ** 32));
  if (retryDelayMs > 0) return retryDelayMs + jitterMs;
  return code === "UNAVAILABLE" && repeatable ? jitterMs : undefined;
}

type Answer<Response> =
  | { readonly type: "answered"; readonly response: Response }
  | { readonly type: "failed"; readonly error: MillraceError };

function callOnce<Request, Response>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: UnaryMethod<Request, Response>,
  { request, metadata, deadlineMs }: UnaryCall<Request> & { readonly deadlineMs: number },
): Promise<Answer<Response>> {
  return new Promise((resolve) => {
    const options = { deadline: deadlineMs };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      options,
      (error, response) => {
        if (error !== null) resolve({ type: "failed", error: errorOfCall(error) });
        else if (response !== undefined) resolve({ type: "answered", response });
        else throw new Error(`${path} ended with neither an answer nor an error.`);
      },
    );
  });
}
