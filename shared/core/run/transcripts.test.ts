import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rerun } from "./testdata/transcript.ts";

const FOLDER = join(import.meta.dirname, "testdata");
const TRANSCRIPTS = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

describe("a transcript", () => {
  it.each(TRANSCRIPTS)("%s", async (name) => {
    const path = join(FOLDER, name);
    await expect(rerun(readFileSync(path, "utf8"))).toMatchFileSnapshot(path);
  });
});
