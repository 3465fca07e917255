// Lengths of time as people write them: `500ms`, `30s`, `5m`, `24h`, `30d`, and sums such as `1h30m`.

/** The longest time-out, sleep or wait: ten years. Beyond that a wrong unit is likelier than a plan. */
export const DURATION_MS_MAX = 3_650 * 86_400_000;

const UNITS_MS: ReadonlyMap<string, number> = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
]);

const DURATION = /^-?(?:\d{1,15}(?:\.\d{1,9})?(?:ms|s|m|h|d)){1,5}$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g;

/** Milliseconds, whole and maybe negative; undefined if the text is no duration. Below a millisecond is cut off. */
export function parseDuration(text: string): number | undefined {
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART)) ms += Number(amount) * (UNITS_MS.get(unit ?? "") ?? 0);
  const whole = Math.floor(ms);
  return text.startsWith("-") ? -whole : whole;
}

/** The shortest exact way to write a duration: 90,000 → `1m30s`, 0 → `0s`. Takes whole milliseconds from 0. */
export function describeDuration(durationMs: number): string {
  let rest = durationMs;
  let text = "";
  for (const [unit, unitMs] of UNITS_MS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text === "" ? "0s" : text;
}
