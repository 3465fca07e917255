import fc from "fast-check";
import { expect, test } from "vitest";
import { DURATION_MS_MAX, describeDuration, parseDuration } from "./duration.ts";
import { formatTimestamp, parseTimestamp, TIMESTAMP_MS_MAX, TIMESTAMP_MS_MIN, timestampPart } from "./time.ts";
import { Timestamp } from "./value.ts";

test("timestamps are written and read as the platform writes and reads them", () => {
  fc.assert(
    fc.property(fc.integer({ min: TIMESTAMP_MS_MIN, max: TIMESTAMP_MS_MAX }), (ms) => {
      const timestamp = new Timestamp(ms);
      const iso = new Date(ms).toISOString();
      expect(formatTimestamp(timestamp)).toBe(iso.replace(".000Z", "Z"));
      expect(parseTimestamp(iso)?.ms).toBe(ms);
      const date = new Date(ms);
      expect(timestampPart(timestamp, "year")).toBe(date.getUTCFullYear());
      expect(timestampPart(timestamp, "month")).toBe(date.getUTCMonth());
      expect(timestampPart(timestamp, "date")).toBe(date.getUTCDate());
      expect(timestampPart(timestamp, "dayOfWeek")).toBe(date.getUTCDay());
      expect(timestampPart(timestamp, "hours")).toBe(date.getUTCHours());
      expect(timestampPart(timestamp, "milliseconds")).toBe(date.getUTCMilliseconds());
    }),
  );
});

test.each([
  ["2026-01-31T08:00:00+01:30", "2026-01-31T06:30:00Z"],
  ["2024-02-29t00:00:00.123456z", "2024-02-29T00:00:00.123Z"],
  ["2000-02-29T23:59:59-00:00", "2000-02-29T23:59:59Z"],
])("%s is %s", (text, utc) => {
  const timestamp = parseTimestamp(text);
  expect(timestamp && formatTimestamp(timestamp)).toBe(utc);
});

test.each([
  "",
  "2026-01-31",
  "2026-01-31T08:00:00",
  "2023-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-04-31T00:00:00Z",
  "2026-01-01T24:00:00Z",
  "0000-01-01T00:00:00Z",
  "2026-01-01T00:00:60Z",
])("%j is no timestamp", (text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});

test.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["5m", 300_000],
  ["24h", 86_400_000],
  ["30d", 2_592_000_000],
  ["1h30m", 5_400_000],
  ["1.5s", 1_500],
  ["-1s", -1_000],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(["", "10", "s", "10 s", "10x", "1e3s", "--1s", "1s2"])("%j is no duration", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test("a duration described is a duration that reads back", () => {
  expect([0, 90_000, 86_400_000, 1_001].map(describeDuration)).toEqual(["0s", "1m30s", "1d", "1s1ms"]);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: DURATION_MS_MAX }), (ms) => {
      expect(parseDuration(describeDuration(ms))).toBe(ms);
    }),
  );
});
