import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { authenticatorOf } from "./login.ts";
import { NatsProblem } from "./problem.ts";
import type { NatsLogin } from "./settings.ts";

function said(login: NatsLogin): string {
  try {
    authenticatorOf(login);
  } catch (error: unknown) {
    if (error instanceof NatsProblem && error.code === "settings") return error.message;
    throw error;
  }
  return "nothing";
}

test("what is configured and cannot be used is said at once, by its name and never by its value", async () => {
  await using folder = await tempFolder();
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, text);
    return path;
  };
  const missing = join(folder.path, "missing");
  const empty = await write("empty", " \n");
  const large = await write("large", "x".repeat(64 * 1024 + 1));
  const nonsense = await write("nonsense", "SUNONSENSE");
  const cases: readonly (readonly [NatsLogin, string])[] = [
    [{ type: "credentials", file: missing }, `The secret file ${missing} cannot be read.`],
    [{ type: "credentials", file: large }, `The secret file ${large} is over 65536 bytes.`],
    [{ type: "credentials", file: nonsense }, `nats.credentials: ${nonsense} holds no user's JWT and seed.`],
    [{ type: "nkey", seed: `file:${nonsense}` }, `nats.nkey: file:${nonsense} holds no user's seed.`],
    [{ type: "user", user: "u", password: `file:${empty}` }, `The secret file ${empty} is empty.`],
    [
      { type: "user", user: "u", password: "s3cret" },
      'The secret reference "s3cret" is neither env:NAME nor file:PATH.',
    ],
    [
      { type: "token", token: "env:NO_SUCH_VARIABLE" },
      "The environment variable NO_SUCH_VARIABLE is not set or empty.",
    ],
  ];
  for (const [login, words] of cases) {
    expect(said(login)).toContain(words);
    expect(said(login)).not.toContain("SUNONSENSE");
  }
});
