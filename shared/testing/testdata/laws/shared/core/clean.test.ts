// breaks: nothing
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";

test("a transcript", async () => {
  expect(await readFile("transcript.txt", "utf8")).toContain(new Date(0).toISOString());
});
