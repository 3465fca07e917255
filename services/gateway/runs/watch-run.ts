import type { RunView, Unwatch } from "@millrace/link/link.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { WatchRunRequest, WatchRunResponse } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { type AnswerStream, type CallContext, Refused } from "../calls/call.ts";
import { runIdOf } from "../calls/fields.ts";
import type { OpenedView } from "./opened-view.ts";
import { type ReadPorts, timelineMessage } from "./read-runs.ts";
import { runMessage } from "./run-message.ts";
import { followOutput, loadBlobs, PayloadTexts } from "./run-payloads.ts";

/**
 * WatchRun: the run as it is, again after every change, and the end of the stream with the end of the run. One state is
 * kept for a slow client, the newest.
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
  let newest: RunView | null = null;
  let busy = false;
  let over = false;
  // Unset while `watch` has not returned: it may call back before, and is then taken back right after.
  let unwatch: Unwatch | undefined;
  const stop = () => {
    over = true;
    unwatch?.();
  };
  const sendNewest = async () => {
    if (busy) return;
    busy = true;
    while (newest !== null && !over) {
      const opened = ports.views.open(newest);
      newest = null;
      const full = !stream.send(await watchMessage(ports, opened, request.timeline));
      if (opened.run.endedMs > 0 && newest === null) {
        stop();
        stream.end();
      } else if (full) await new Promise<void>((resolve) => stream.onDrain(resolve));
    }
    busy = false;
  };
  const changed = (view: RunView | Refusal) => {
    if (over) return;
    if ("code" in view) {
      over = true;
      stream.fail(new Refused(view));
      return;
    }
    newest = view;
    sendNewest().catch((error: unknown) => {
      stop();
      stream.fail(unreadable(error));
    });
  };
  unwatch = ports.shards.watch(context.tenant, runId, changed);
  if (over) unwatch();
  context.signal.addEventListener("abort", stop, { once: true });
}

async function watchMessage(ports: ReadPorts, opened: OpenedView, withSteps: boolean): Promise<WatchRunResponse> {
  const { run, definition } = opened;
  const steps = withSteps ? timelineMessage(ports, opened, null).steps : [];
  const texts = new PayloadTexts(await loadBlobs(ports.blobs, run, [run.input, followOutput(run, definition)]));
  return { run: runMessage(run, definition, texts), steps };
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
