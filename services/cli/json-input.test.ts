import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { UsageError } from "./failures.ts";
import { readJson } from "./json-input.ts";

test("JSON is read as it is written, every digit of it", async () => {
  const text = '{"id":12345678901234567890,"n":1.50,"list":[-98765432109876543210,7],"large":1e400,"zero":-0}';
  expect(JSON.stringify(await readJson("--input", text))).toBe(text);
});

test("@ names a file", async () => {
  await using folder = await tempFolder();
  const path = join(folder.path, "input.json");
  await writeFile(path, '{"a": [1]}');
  expect(JSON.stringify(await readJson("--input", `@${path}`))).toBe('{"a":[1]}');
  await expect(readJson("--input", `@${path}.gone`)).rejects.toThrow(/cannot be read/);
});

test.each(["", "{a: 1}", "1 2", "'x'"])("%j is refused with the flag's name", async (text) => {
  await expect(readJson("--payload", text)).rejects.toThrow(UsageError);
  await expect(readJson("--payload", text)).rejects.toThrow(/^--payload is not JSON/);
});
