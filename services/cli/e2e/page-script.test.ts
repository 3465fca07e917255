import { expect, test } from "vitest";
import { pageScript } from "./page-script.ts";

test("blocks of sh are run in order, other blocks are not", () => {
  const script = pageScript(
    "a\n```sh\nfirst\n```\n```yaml\nno\n```\n```sh background\nsecond\n```\n```sh elsewhere\nno\n```\n",
  );
  expect(script).toMatch(/line 2"\nfirst\n[\s\S]*line 8, in the background"\n\( second\n \) &/);
  expect(script).not.toContain("no\n");
});

test("a block with an unknown mark is a mistake", () => {
  expect(() => pageScript("```sh later\nx\n```\n")).toThrow("Line 1");
});
