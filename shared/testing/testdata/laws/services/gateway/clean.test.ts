// breaks: nothing
import { freePort } from "@millrace/testing/free-port.ts";
import { expect, test } from "vitest";

test("a port", async () => {
  expect(await freePort()).toBeGreaterThan(0);
});
