// breaks: vitest(expect-expect)
import { test } from "vitest";

test("nothing", () => {
  JSON.stringify(1);
});
