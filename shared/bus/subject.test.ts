import { describe, expect, test } from "vitest";
import { checkPattern, checkSubject, matches, SUBJECT_CHARACTERS_MAX } from "./subject.ts";

describe("subjects", () => {
  test.each(["a", "a.b", "shard.12.commands", "A-b_c.0"])("%s can be published to and listened on", (subject) => {
    expect(() => checkSubject(subject)).not.toThrow();
    expect(() => checkPattern(subject)).not.toThrow();
  });
  test.each(["*", ">", "a.*", "*.b", "a.*.c", "a.>", "*.>"])("%s can only be listened on", (pattern) => {
    expect(() => checkSubject(pattern)).toThrow(RangeError);
    expect(() => checkPattern(pattern)).not.toThrow();
  });
  test.each(["", ".", "a.", ".a", "a..b", "a b", "a\r\nPUB", "ä", "a*", ">.a", "a.>.b", "$SYS.x"])(
    "%j can be neither",
    (subject) => {
      expect(() => checkSubject(subject)).toThrow(JSON.stringify(subject));
      expect(() => checkPattern(subject)).toThrow(JSON.stringify(subject));
    },
  );
  test("have a bound", () => {
    expect(() => checkSubject("a".repeat(SUBJECT_CHARACTERS_MAX))).not.toThrow();
    expect(() => checkSubject("a".repeat(SUBJECT_CHARACTERS_MAX + 1))).toThrow("255");
    expect(() => checkPattern("a".repeat(SUBJECT_CHARACTERS_MAX + 1))).toThrow("255");
  });
  test.each([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.b", "a.b.c", false],
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*", "a.b.c", false],
    ["*.b", "a.b", true],
    ["*.b", "a.c", false],
    ["a.>", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    ["a.>", "b.a", false],
    [">", "a.b", true],
    ["*.*.>", "a.b.c.d", true],
    ["*.*.>", "a.b", false],
  ])("%s on %s: %s", (pattern, subject, expected) => {
    expect(matches(pattern, subject)).toBe(expected);
  });
});
