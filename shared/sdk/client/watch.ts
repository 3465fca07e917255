import { randomInt } from "node:crypto";
import { setTimeout as passed } from "node:timers/promises";
import type { ClientReadableStream } from "@grpc/grpc-js";
import type { WatchRunResponse } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { backoffMs } from "../backoff.ts";
import { errorOfCall, isFailedCall } from "./millrace-error.ts";

/**
 * Every state of a watched run that the server sends, until the run's end; a stream that breaks is opened again, and
 * begins with the state as it is then. Throws MillraceError when the server refuses, or what `signal` was aborted with.
 */
export async function* watch(
  open: () => ClientReadableStream<WatchRunResponse>,
  signal: AbortSignal | undefined,
): AsyncGenerator<WatchRunResponse, void, void> {
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    const call = open();
    const cancel = (): void => call.cancel();
    // A call that is cancelled when its reader has gone still says so.
    call.on("error", () => undefined);
    signal?.addEventListener("abort", cancel);
    try {
      for await (const frame of messages(call)) {
        failures = 0;
        yield frame;
      }
      return;
    } catch (thrown: unknown) {
      signal?.throwIfAborted();
      if (!isFailedCall(thrown)) throw thrown;
      const error = errorOfCall(thrown);
      if (error.code !== "UNAVAILABLE" && error.code !== "RESOURCE_EXHAUSTED") throw error;
      failures += 1;
      await passed(error.retryDelayMs + backoffMs(failures, randomInt(2 ** 32)), undefined, signal ? { signal } : {});
    } finally {
      signal?.removeEventListener("abort", cancel);
      call.cancel();
    }
  }
}

/** A call's messages, typed: a readable stream iterates over anything. */
async function* messages(call: ClientReadableStream<WatchRunResponse>): AsyncGenerator<WatchRunResponse, void, void> {
  const frames: AsyncIterable<WatchRunResponse> = call;
  yield* frames;
}
