// Timestamps and their calendar, in UTC, without the platform's Date: its parser guesses and knows the local zone.
// Days are counted by Howard Hinnant's "days from civil" algorithm: years begin in March, so leap days come last.
import { failed } from "./fault.ts";
import { Timestamp } from "./value.ts";

/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z: the range of CEL timestamps. */
export const TIMESTAMP_MS_MIN = -62_135_596_800_000;
export const TIMESTAMP_MS_MAX = 253_402_300_799_999;

const DAY_MS = 86_400_000;
const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

interface Civil {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** 1 to 31. */
  readonly day: number;
}

/** Reads RFC 3339 with an offset (`2026-01-31T08:00:00Z`); undefined if the text is not that. Below ms is cut off. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? "0");
  const civil = { year: part(1), month: part(2), day: part(3) };
  const [hour, minute, second] = [part(4), part(5), part(6)];
  if (civil.month < 1 || civil.month > 12 || civil.day < 1 || civil.day > monthDays(civil)) return undefined;
  const [offsetHour, offsetMinute] = [part(9), part(10)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHour > 23 || offsetMinute > 59) return undefined;
  const fractionMs = Number((match[7] ?? "").slice(0, 3).padEnd(3, "0"));
  const offsetMs = (match[8] === "-" ? -1 : 1) * (offsetHour * 60 + offsetMinute) * 60_000;
  const ofDayMs = ((hour * 60 + minute) * 60 + second) * 1000 + fractionMs;
  const ms = daysFromCivil(civil) * DAY_MS + ofDayMs - offsetMs;
  return ms < TIMESTAMP_MS_MIN || ms > TIMESTAMP_MS_MAX ? undefined : new Timestamp(ms);
}

/** A timestamp in CEL's range, whole ms; faults outside. */
export function timestampAt(ms: number): Timestamp {
  const whole = Math.floor(ms);
  if (whole >= TIMESTAMP_MS_MIN && whole <= TIMESTAMP_MS_MAX) return new Timestamp(whole);
  throw failed("the time is outside the years 0001 to 9999");
}

/** RFC 3339 in UTC, with ms only if there are any. */
export function formatTimestamp(timestamp: Timestamp): string {
  const { year, month, day } = civilFromDays(Math.floor(timestamp.ms / DAY_MS));
  const time = ["hours", "minutes", "seconds"] as const;
  const clock = time.map((part) => digits(timestampPart(timestamp, part), 2)).join(":");
  const ms = timestampPart(timestamp, "milliseconds");
  return `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}T${clock}${ms === 0 ? "" : `.${digits(ms, 3)}`}Z`;
}

export type TimestampPart =
  | "year"
  /** From 0. */
  | "month"
  /** Of the month, from 1. */
  | "date"
  /** Of the month, from 0. */
  | "dayOfMonth"
  /** From 0, Sunday. */
  | "dayOfWeek"
  /** From 0. */
  | "dayOfYear"
  | "hours"
  | "minutes"
  | "seconds"
  | "milliseconds";

export function timestampPart(timestamp: Timestamp, part: TimestampPart): number {
  const days = Math.floor(timestamp.ms / DAY_MS);
  const ofDayMs = timestamp.ms - days * DAY_MS;
  switch (part) {
    case "hours":
      return Math.floor(ofDayMs / 3_600_000);
    case "minutes":
      return Math.floor(ofDayMs / 60_000) % 60;
    case "seconds":
      return Math.floor(ofDayMs / 1000) % 60;
    case "milliseconds":
      return ofDayMs % 1000;
    case "dayOfWeek":
      // 1970-01-01 was a Thursday.
      return (((days + 4) % 7) + 7) % 7;
    case "dayOfYear":
      return days - daysFromCivil({ year: civilFromDays(days).year, month: 1, day: 1 });
    case "year":
      return civilFromDays(days).year;
    case "month":
      return civilFromDays(days).month - 1;
    case "date":
      return civilFromDays(days).day;
    case "dayOfMonth":
      return civilFromDays(days).day - 1;
  }
}

/** Days in an era of 400 years. */
const ERA_DAYS = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;

function daysFromCivil({ year, month, day }: Civil): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * ERA_DAYS + dayOfEra - EPOCH_DAYS;
}

function civilFromDays(days: number): Civil {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / ERA_DAYS);
  const dayOfEra = shifted - era * ERA_DAYS;
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}

function monthDays({ year, month }: Civil): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, "0");
}
