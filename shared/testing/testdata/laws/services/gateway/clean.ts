// breaks: nothing
import { runId } from "@millrace/model/ids.ts";
import type { Journal } from "@millrace/journal/journal.ts";

export const first = runId("first");
export type Tail = ReturnType<Journal["tail"]>;
