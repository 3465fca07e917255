// Durations of a definition: texts in, milliseconds out.
import { DURATION_MS_MAX, describeDuration, parseDuration } from "@millrace/core/expression/duration.ts";
import type { Path } from "@millrace/core/expression/template.ts";
import type { Finding } from "./problem.ts";

/** Milliseconds of a duration the schema accepted; the default for one left out, or out of bounds (which is a finding). */
export function durationMs(text: unknown, path: Path, defaultMs: number, findings: Finding[]): number {
  if (typeof text !== "string") return defaultMs;
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0 && ms <= DURATION_MS_MAX) return ms;
  const message = `${text} is ${ms === 0 ? "no time at all" : `longer than ${describeDuration(DURATION_MS_MAX)}`}`;
  findings.push({ path, message, fix: "Write a length of time such as 30s, or leave it out.", on: "value" });
  return defaultMs;
}
