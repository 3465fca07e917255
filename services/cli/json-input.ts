// JSON that a person hands to a command: written out, in a file, or on standard input.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { UsageError } from "./failures.ts";

declare global {
  // Part of ES2026; Node.js has it, the compiler's library does not yet.
  interface JSON {
    rawJSON(text: string): object;
  }
}

/** The value of `--input '{"n": 1}'`, `--input @file.json` or `--input -`. Rejects with UsageError. */
export async function readJson(flag: string, given: string): Promise<unknown> {
  const source = await textOf(given);
  try {
    const value: unknown = JSON.parse(source, exactInteger);
    return value;
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

/** Integers that a double would round stay as they are written: they are IDs, and every digit counts. */
function exactInteger(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? "";
  const rounded = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source);
  return rounded ? JSON.rawJSON(source) : value;
}
