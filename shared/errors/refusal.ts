import type { Refusal, RefusalCode } from "@millrace/model/refusal.ts";
import { REFUSALS } from "./catalogue.ts";

/** What the place that refuses knows better than the catalogue. */
export type RefusalDetail = Partial<Omit<Refusal, "code">>;

/** A refusal of this code. What `detail` leaves out comes from the catalogue; the field is then none. */
export function refusal(code: RefusalCode, detail: RefusalDetail = {}): Refusal {
  const entry = REFUSALS[code];
  return {
    code,
    field: detail.field ?? "",
    message: detail.message ?? entry.message,
    fix: detail.fix ?? entry.fix,
    retryDelayMs: detail.retryDelayMs ?? entry.retryDelayMs,
  };
}

/** Whether a string from outside is the code of a refusal. */
export function isRefusalCode(code: string): code is RefusalCode {
  return Object.hasOwn(REFUSALS, code);
}
