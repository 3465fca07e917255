// WatchRun as server-sent events: `data:` with a WatchRunResponse for every change, then `event: end`; a refusal after
// the stream began is `event: error` with the usual error body.
import type { ServerResponse } from "node:http";
import { fromJson, toJson } from "@millrace/rpc/json.ts";
import { type AnswerStream, type CallContext, Refused } from "../calls/call.ts";
import type { ReadPorts } from "../runs/read-runs.ts";
import { watchRun } from "../runs/watch-run.ts";
import { failureOf, sendFailure } from "./answers.ts";

type WatchAnswers = Parameters<typeof watchRun>[3];

/** Resolves when the stream is over, whoever ended it. */
export function serveWatch(
  ports: ReadPorts,
  text: string,
  context: CallContext,
  response: ServerResponse,
): Promise<void> {
  const parsed = fromJson("millrace.v1.WatchRunRequest", text);
  if (parsed.type === "refused") {
    sendFailure(response, new Refused(parsed.refusal));
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const over = () => {
      response.end();
      resolve();
    };
    const stream: WatchAnswers = {
      send: (message) => {
        begin(response);
        return response.write(`data: ${toJson("millrace.v1.WatchRunResponse", message)}\n\n`);
      },
      onDrain: (callback) => response.once("drain", callback),
      end: () => {
        response.write("event: end\ndata: {}\n\n");
        over();
      },
      fail: (refused) => {
        if (response.headersSent) response.write(`event: error\ndata: ${JSON.stringify(failureOf(refused).body)}\n\n`);
        else sendFailure(response, refused);
        over();
      },
    } satisfies AnswerStream<Parameters<WatchAnswers["send"]>[0]>;
    context.signal.addEventListener("abort", over, { once: true });
    watchRun(ports, parsed.message, context, stream);
  });
}

function begin(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
}
