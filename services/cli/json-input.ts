// JSON that a person hands to a command: written out, in a file, or on standard input.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { parseExactly } from "./exact-json.ts";
import { UsageError } from "./failures.ts";

/** The value of `--input '{"n": 1}'`, `--input @file.json` or `--input -`. Rejects with UsageError. */
export async function readJson(flag: string, given: string): Promise<unknown> {
  const source = await textOf(given);
  try {
    return parseExactly(source);
  } catch (error: unknown) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(
      `${flag} is not JSON: ${why}. Quote it for the shell, ${flag} '{"name": "Ada"}', or name a file: ${flag} @input.json.`,
    );
  }
}

/** A file's text, or that of standard input for `-`. Rejects with UsageError. */
export async function readSource(path: string): Promise<string> {
  if (path === "-") return text(process.stdin);
  try {
    return await readFile(path, "utf8");
  } catch (error: unknown) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${path} cannot be read: ${why}. Name a file, or - for standard input.`);
  }
}

function textOf(given: string): Promise<string> | string {
  if (given === "-") return text(process.stdin);
  return given.startsWith("@") ? readSource(given.slice(1)) : given;
}
