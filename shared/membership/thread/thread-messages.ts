import type { ControlRequest } from "../control-messages.ts";
import type { Layout } from "../coordinator.ts";
import type { Identity } from "../heart.ts";

/** What the thread of the control is sent: first how to begin, then what the event loop asks. */
export type ThreadRequest =
  | {
      readonly type: "begin";
      readonly identity: Identity;
      readonly layout: Layout;
      /** Of the cells. */
      readonly buffer: SharedArrayBuffer;
      /** For whoever connects. */
      readonly settings: string;
    }
  | ControlRequest;
