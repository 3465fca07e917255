// Times for people.

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A length of time with two figures that matter: `12 ms`, `3.4 s`, `5 min 2 s`, `2 h 5 min`, `30 d 4 h`. */
export function shownDuration(ms: number): string {
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(ms / SECOND_MS).toFixed(ms < 10 * SECOND_MS ? 2 : 1)} s`;
  if (ms < HOUR_MS) return pair(ms, { unitMs: MINUTE_MS, unit: "min", restMs: SECOND_MS, rest: "s" });
  if (ms < DAY_MS) return pair(ms, { unitMs: HOUR_MS, unit: "h", restMs: MINUTE_MS, rest: "min" });
  return pair(ms, { unitMs: DAY_MS, unit: "d", restMs: HOUR_MS, rest: "h" });
}

interface Units {
  readonly unitMs: number;
  readonly unit: string;
  readonly restMs: number;
  readonly rest: string;
}

function pair(ms: number, { unitMs, unit, restMs, rest }: Units): string {
  const units = Math.floor(ms / unitMs);
  const rests = Math.floor((ms % unitMs) / restMs);
  return rests === 0 ? `${units} ${unit}` : `${units} ${unit} ${rests} ${rest}`;
}

/** A moment in the reader's own time zone, to the second: `2026-01-31 08:00:00`. */
export function shownTime(time: Date): string {
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}
