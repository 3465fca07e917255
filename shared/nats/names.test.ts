import { expect, test } from "vitest";
import { natsNames } from "./names.ts";

test("clusters with different prefixes share no name", () => {
  const [one, two] = [natsNames("millrace"), natsNames("millrace-2")].map((names) => Object.values(names).map(String));
  expect(new Set([...(one ?? []), ...(two ?? [])]).size).toBe((one?.length ?? 0) * 2);
});

test.each(["", "Mill", "a.b", "a b", "a*", "p".repeat(33)])("%j begins no names", (prefix) => {
  expect(() => natsNames(prefix)).toThrow(RangeError);
  expect(() => natsNames(prefix)).toThrow(JSON.stringify(prefix));
});
