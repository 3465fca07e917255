import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JSON_DEPTH_MAX } from "./json-fault.ts";
import { checkedJson, jsonText } from "./json-text.ts";

describe("jsonText", () => {
  it("takes valid JSON as it is and no bytes as null", () => {
    expect(jsonText(Buffer.from(' {"a" : [1, "ä\\n"]} '))).toBe(' {"a" : [1, "ä\\n"]} ');
    expect(jsonText(Buffer.alloc(0))).toBe("null");
  });

  it.each([
    ['{"a":}', 5, "no value"],
    ['{"a":1', 6, 'before "}"'],
    ["[1,2", 4, 'before "]"'],
    ["[1 2]", 3, '"," or "]"'],
    ["{a:1}", 1, "key"],
    ['{"a" 1}', 5, '":"'],
    ["[1,]", 3, "no value"],
    ["1 1", 2, "more after"],
    ['"abc', 0, "not closed"],
    ['["ä", x]', 7, "no value"],
    ["   ", 3, "ends"],
    ["01", 1, "more after"],
    ["[[[", 3, "ends"],
  ])("I8: names the offset of the fault in %s", (text, offset, reason) => {
    const fault = jsonText(Buffer.from(text));
    expect(fault).toEqual({ offset, reason: expect.stringContaining(reason) });
  });

  it("I8: names the offset of bytes that are not UTF-8", () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"ää'), Buffer.from([0xff, 0x41]), Buffer.from('"}')]);
    expect(jsonText(bytes)).toEqual({ offset: 10, reason: "these bytes are not UTF-8" });
    expect(jsonText(Buffer.from([0xe2, 0x82]))).toMatchObject({ reason: "these bytes are not UTF-8" });
  });

  it("I9: bounds how deep values nest", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}"${"[".repeat(500)}\\""${"]".repeat(depth)}`;
    expect(checkedJson(nested(JSON_DEPTH_MAX))).toBe(nested(JSON_DEPTH_MAX));
    expect(checkedJson(nested(JSON_DEPTH_MAX + 1))).toMatchObject({ offset: JSON_DEPTH_MAX });
    expect(checkedJson("[".repeat(1_000_000))).toMatchObject({ offset: 1_000_000 });
  });

  it("agrees with JSON.parse on every text", () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom("", ",", "]", "}", '"', "x", "\\", "1", "\u0001"))
      .map(([text, at, insert]) => {
        const cut = at % (text.length + 1);
        return text.slice(0, cut) + insert + text.slice(insert === "" ? cut + 1 : cut);
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), broken), (text) => {
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = text === "";
        }
        const checked = jsonText(Buffer.from(text));
        expect(typeof checked === "string").toBe(valid);
        if (typeof checked !== "string") expect(checked.offset).toBeLessThanOrEqual(Buffer.byteLength(text));
      }),
      { numRuns: 500 },
    );
  });
});
