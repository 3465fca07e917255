// breaks: eslint(no-restricted-imports)
import { turn } from "@millrace/shard-host/turn.ts";
import { expect, test } from "vitest";

test("turn", () => {
  expect(turn).toBeDefined();
});
