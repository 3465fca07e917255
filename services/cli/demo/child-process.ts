// The demo's other processes. They end with the demo, however that ends: a broken channel tells them.
import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";

/** How long a child may take to say its first line. */
const FIRST_LINE_MS = 20_000;

/** How long a child may take to stop after it was asked. */
const STOP_MS = 5_000;

export interface Child {
  /** Everything it prints on standard output, line by line, the first one included. */
  readonly lines: AsyncIterable<string>;
  /** Its exit status; null when a signal ended it. */
  readonly exited: Promise<number | null>;
  /** Asks it to stop, and ends it if it does not. */
  stop(): Promise<void>;
}

/** Starts a file with the Node.js of this process. `env` replaces the environment. */
export function startChild(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Child {
  const child = fork(file, args, { env, stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
    child.once("error", () => resolve(null));
  });
  const { stdout } = child;
  if (stdout === null) throw new Error("A child's output was to be a pipe.");
  return { lines: createInterface({ input: stdout }), exited, stop: () => stop(child, exited) };
}

/** The first line a child prints; it goes on printing into nothing. Rejects if there is none. */
export async function firstLine(child: Child): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(new Error(`A child said nothing for ${FIRST_LINE_MS} ms.`)), FIRST_LINE_MS);
  void (async () => {
    for await (const line of child.lines) resolve(line);
    reject(new Error("A child ended before it said anything."));
  })();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}
