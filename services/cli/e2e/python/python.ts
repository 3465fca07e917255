// Python with what examples/python needs, installed below .cache by the very commands that its README gives.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type StartedProcess, start } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";

const HOME = join(ROOT, ".cache", "python");
const INSTALLED = join(HOME, "installed");
const BIN = join(HOME, "venv", "bin");
const EXAMPLE = join(ROOT, "examples", "python");

/** How long {@link installPython} may take: pip, on a slow network. */
export const INSTALL_MS = 300_000;
/** Longer than any command of the tests waits for by itself. */
const COMMAND_MS = 60_000;

const ENVIRONMENT = {
  PYTHONPATH: [join(HOME, "stubs"), EXAMPLE].join(delimiter),
  PYTHONDONTWRITEBYTECODE: "1",
  PIP_DISABLE_PIP_VERSION_CHECK: "1",
};

const GET_PYTHON =
  "These tests need Python 3.10 or newer with venv and pip, and the package index that pip is set up for. Get Python " +
  "from https://www.python.org/downloads, or with the system's packages: `apt install python3-venv`, `brew install python`.";

/** The commands of the README, a script a code block: install, worker, client. */
export function readmeScripts(): readonly string[] {
  const page = readFileSync(join(EXAMPLE, "README.md"), "utf8");
  return Array.from(page.matchAll(/^```sh\n([\s\S]*?)^```$/gm), (match) => match[1] ?? "");
}

/** Installs once for each state of the commands, requirements and protos. Rejects with how to get what is missing. */
export async function installPython(): Promise<void> {
  const version = await run("python3", ["--version"]).catch((error: unknown) => {
    throw new Error(`python3 cannot be run. ${GET_PYTHON}`, { cause: error });
  });
  const protos = readdirSync(join(ROOT, "proto/millrace/v1")).map((name) => join("proto/millrace/v1", name));
  const hash = createHash("sha256")
    .update(version)
    .update(readmeScripts()[0] ?? "");
  for (const path of ["examples/python/requirements.txt", ...protos]) hash.update(await readFile(join(ROOT, path)));
  const wanted = hash.digest("hex");
  if ((await readFile(INSTALLED, "utf8").catch(() => "")) === wanted) return;
  await rm(HOME, { recursive: true, force: true });
  await runScript(readmeScripts()[0] ?? "", {}, INSTALL_MS).catch((error: unknown) => {
    throw new Error(`The Python packages could not be installed. ${GET_PYTHON} ${String(error)}`, { cause: error });
  });
  await writeFile(INSTALLED, wanted);
}

/** Runs shell commands in the root folder, stops at the first that fails, and resolves with what they printed. */
export function runScript(script: string, env: NodeJS.ProcessEnv = {}, timeoutMs = COMMAND_MS): Promise<string> {
  return run("bash", ["-euo", "pipefail", "-c", script], env, timeoutMs);
}

/** Runs a Python file to its end and resolves with what it printed, which is JSON. */
export async function runPython(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const value: unknown = JSON.parse(await run(join(BIN, "python"), [file, ...args], env));
  return value;
}

/** Starts a Python file. */
export function startPython(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<StartedProcess> {
  return start(join(BIN, "python"), [file, ...args], { cwd: ROOT, env: { ...ENVIRONMENT, ...env } });
}

/** Rejects with everything a program printed when it fails. */
async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  timeoutMs = COMMAND_MS,
): Promise<string> {
  const options = { cwd: ROOT, env: { ...process.env, ...ENVIRONMENT, ...env }, timeout: timeoutMs };
  const { stdout } = await promisify(execFile)(program, args, options).catch((error: unknown) => {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    throw new Error(`${program} ${args.join(" ")} failed.\n${said}`, { cause: error });
  });
  return stdout;
}
