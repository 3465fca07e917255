import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { Coverage } from "../coverage.ts";
import type { Exchange } from "../line.ts";

/** What everyone outside the processes lives in. */
export interface Scene extends Exchange {
  readonly clock: Clock;
  readonly blobs: Blobs;
  readonly coverage: Coverage;
}
