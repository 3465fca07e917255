// breaks: vitest(warn-todo) eslint(no-warning-comments)
import { expect, test } from "vitest";

test.todo("later");

test("now", () => {
  expect(1).toBe(1);
});
