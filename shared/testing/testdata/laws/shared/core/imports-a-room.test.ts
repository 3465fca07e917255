// breaks: eslint(no-restricted-imports)
import { pack } from "@millrace/codec/pack.ts";
import { expect, test } from "vitest";

test("pack", () => {
  expect(pack).toBeDefined();
});
