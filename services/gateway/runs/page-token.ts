// Page tokens: where the last page ended, bound to the filters it was asked with. Opaque to callers.
import { hash } from "node:crypto";
import { isRunId } from "@millrace/core/run-id.ts";
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { Refused } from "../calls/call.ts";
import { invalid, shown } from "../calls/fields.ts";

const FILTER_HASH_CHARACTERS = 8;

/** `filters` is any text that is equal for equal filters. */
export function pageToken(last: string, filters: string): string {
  return Buffer.from(`${filterHash(filters)}${last}`).toString("base64url");
}

/** Where the page before ended; null = the first page. */
export function lastOfPage(token: string, filters: string): string | null | Refused {
  if (token === "") return null;
  const text = Buffer.from(token, "base64url").toString();
  if (text.length > FILTER_HASH_CHARACTERS && text.startsWith(filterHash(filters))) {
    return text.slice(FILTER_HASH_CHARACTERS);
  }
  return invalid(
    "page_token",
    `page_token is ${shown(token)}, which is no token for these filters.`,
    "Send next_page_token of the page before, with the same filters; begin anew without a token.",
  );
}

/** The same where pages are of runs. */
export function lastRunOfPage(token: string, filters: string): RunId | null | Refused {
  const last = lastOfPage(token, filters);
  if (typeof last !== "string") return last;
  if (isRunId(last)) return runId(last);
  return invalid("page_token", `page_token is ${shown(token)}, which is no token.`, "Begin anew without a token.");
}

function filterHash(filters: string): string {
  return hash("sha256", filters, "base64url").slice(0, FILTER_HASH_CHARACTERS);
}
