// How a shard turns callers away.
import type { Refusal } from "@millrace/model/refusal.ts";
import { OVERLOAD_RETRY_MS } from "./limits.ts";

/** A full disk is made room on by people: callers need not hurry. */
const DISK_FULL_RETRY_MS = 2000;
/** Reading memory back takes well below a second. */
const UNAVAILABLE_RETRY_MS = 100;

export function overloaded(message: string): Refusal {
  const fix = "Come back after the delay; add shards or nodes if this lasts.";
  return { code: "SHARD_OVERLOADED", field: "", message, fix, retryDelayMs: OVERLOAD_RETRY_MS };
}

export function diskFull(): Refusal {
  const message = "The disk is full: nothing can be made durable, so nothing is taken in.";
  const fix = "Make room on the disk of the data folder; the shard goes on by itself.";
  return { code: "DISK_FULL", field: "", message, fix, retryDelayMs: DISK_FULL_RETRY_MS };
}

export function unavailable(message: string): Refusal {
  const fix = "Ask again after the delay; with an idempotency key nothing happens twice.";
  return { code: "SHARD_UNAVAILABLE", field: "", message, fix, retryDelayMs: UNAVAILABLE_RETRY_MS };
}
