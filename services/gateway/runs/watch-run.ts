import type { RunView, Watching } from "@millrace/link/link.ts";
import type { WatchRunRequest, WatchRunResponse } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type AnswerStream, type CallContext, Refused } from "../calls/call.ts";
import { runIdOf } from "../calls/fields.ts";
import { PAYLOAD_BYTES_IN_STATE_MAX } from "./answer-room.ts";
import type { OpenedView } from "./opened-view.ts";
import type { ReadPorts } from "./read-runs.ts";
import { stepMessages } from "./read-timeline.ts";
import { runMessage } from "./run-message.ts";
import { followOutput, PayloadTexts } from "./run-payloads.ts";
import { timelineRows } from "./timeline-rows.ts";

/**
 * WatchRun: the run as it is, again after every change, and the end of the stream with the end of the run. What a slow
 * client has not taken yet holds the next state up, not in memory.
 */
export function watchRun(
  ports: ReadPorts,
  request: WatchRunRequest,
  context: CallContext,
  stream: AnswerStream<WatchRunResponse>,
): void {
  const runId = runIdOf(request.runId);
  if (runId instanceof Refused) {
    stream.fail(runId);
    return;
  }
  let over = false;
  // Unset while `watch` has not returned: it may call back before.
  let watching: Watching | undefined;
  const stop = () => {
    over = true;
    watching?.end();
  };
  const send = async (view: RunView) => {
    const opened = ports.views.open(view);
    const message = await watchMessage(ports, opened, request.timeline);
    if (over) return;
    const hasRoom = stream.send(message);
    if (opened.run.endedMs > 0) {
      stop();
      stream.end();
      return;
    }
    if (!hasRoom) await new Promise<void>((resolve) => stream.onDrain(resolve));
    watching?.taken();
  };
  watching = ports.shards.watch(context.tenant, runId, (view) => {
    if (over) return;
    if ("code" in view) {
      over = true;
      stream.fail(new Refused(view));
      return;
    }
    send(view).catch((error: unknown) => {
      stop();
      stream.fail(unreadable(error));
    });
  });
  if (over) watching.end();
  context.signal.addEventListener("abort", stop, { once: true });
}

async function watchMessage(ports: ReadPorts, opened: OpenedView, withSteps: boolean): Promise<WatchRunResponse> {
  const { run, definition } = opened;
  // The last state is sent once, and shows everything.
  const payloads = run.endedMs > 0 ? new PayloadTexts() : new PayloadTexts(PAYLOAD_BYTES_IN_STATE_MAX);
  await payloads.load(ports.blobs, run.runId, [run.input, followOutput(run, definition)]);
  return {
    run: runMessage(run, definition, payloads),
    steps: withSteps ? stepMessages(ports, opened, timelineRows(run, null), new PayloadTexts(0)) : [],
  };
}

function unreadable(error: unknown): Refused {
  const message = error instanceof Error ? error.message : String(error);
  return new Refused({
    code: "SHARD_UNAVAILABLE",
    field: "",
    message,
    fix: "Watch the run again.",
    retryDelayMs: 1_000,
  });
}
