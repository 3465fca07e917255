// The thread's end of the control: what a composition's own entry file calls, saying how to connect.
import { parentPort } from "node:worker_threads";
import type { Bus } from "@millrace/bus/bus.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import { Cells } from "../cells.ts";
import { Control } from "../control.ts";
import type { ControlNews, ControlRequest } from "../control-messages.ts";
import type { ThreadRequest } from "./thread-messages.ts";

/** The control's own connections: what holds up those of the event loop must not hold up heartbeats. */
export interface ControlConnections {
  readonly bus: Bus;
  readonly kv: Kv;
  /** Lets go of both, and of what they use. */
  close(): Promise<void>;
}

type BeginRequest = ThreadRequest & { readonly type: "begin" };

/** Makes this thread the control of its process. `connect` gets the settings that the event loop gave. */
export function serveControl(connect: (settings: string) => Promise<ControlConnections>): void {
  let control: Control | null = null;
  /** What came while the connections were made: of each kind the newest counts. */
  const early = new Map<ControlRequest["type"], ControlRequest>();
  parentPort?.on("message", (request: ThreadRequest) => {
    if (request.type === "begin")
      begin(request, connect).then((begun) => {
        control = begun;
        for (const waiting of early.values()) begun.heard(waiting);
      }, giveUp);
    else if (control === null) early.set(request.type, request);
    else control.heard(request);
  });
}

async function begin(
  { identity, layout, buffer, settings }: BeginRequest,
  connect: (settings: string) => Promise<ControlConnections>,
): Promise<Control> {
  const connections = await connect(settings);
  const { bus, kv } = connections;
  const tell = (news: ControlNews): void => {
    parentPort?.postMessage(news, []);
    if (news.type === "stopped") void connections.close().finally(() => parentPort?.close());
  };
  const control = new Control({ bus, kv, clock: systemClock, cells: new Cells(buffer), identity, layout, tell });
  control.start();
  return control;
}

function giveUp(error: unknown): void {
  const reason = error instanceof Error ? error.message : String(error);
  parentPort?.postMessage({ type: "refused", reason } satisfies ControlNews, []);
  parentPort?.postMessage({ type: "stopped" } satisfies ControlNews, []);
  parentPort?.close();
}
