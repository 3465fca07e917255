// The event loop's end of the control on a thread of its own.
import { Worker } from "node:worker_threads";
import { systemClock } from "@millrace/clock/system.ts";
import { Cells } from "../cells.ts";
import type { ControlNews } from "../control-messages.ts";
import type { Layout } from "../coordinator.ts";
import type { Identity } from "../heart.ts";
import { Membership, type MembershipObserver } from "../membership.ts";
import type { ThreadRequest } from "./thread-messages.ts";

/** Heap of the thread, MiB: little, so that its garbage is collected in the blink of an eye. */
const LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 };

export interface ControlThreadParts {
  readonly identity: Identity;
  readonly layout: Layout;
  /** A file that calls `serveControl` with what it connects by. */
  readonly entry: URL;
  /** Handed to that: how to connect, as it likes it. */
  readonly settings: string;
  readonly observer: MembershipObserver;
}

/** Starts the thread. Should it end by itself, the process is `refused`: without heartbeats it is dead to the others. */
export function startControlThread(parts: ControlThreadParts): Membership {
  const { identity, layout, entry, settings, observer } = parts;
  const cells = new Cells();
  const worker = new Worker(entry, { resourceLimits: LIMITS });
  const post = (request: ThreadRequest): void => worker.postMessage(request, []);
  const membership = new Membership({ clock: systemClock, cells, process: identity.process, post, observer });
  let isStopped = false;
  worker.on("message", (news: ControlNews) => {
    if (news.type === "stopped") isStopped = true;
    membership.heard(news);
  });
  const ended = (reason: string): void => {
    if (isStopped) return;
    isStopped = true;
    membership.heard({ type: "refused", reason: `The thread of the control has ended: ${reason}` });
    membership.heard({ type: "stopped" });
  };
  worker.on("error", (error: unknown) => ended(error instanceof Error ? error.message : String(error)));
  worker.on("exit", (code) => ended(`exit code ${code}`));
  post({ type: "begin", identity, layout, buffer: cells.buffer, settings });
  return membership;
}
