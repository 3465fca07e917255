// Real processes for tests: start them, read their lines, kill them. None outlives the test process.

import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { WAIT_MS } from "./wait-until.ts";

/** Lines kept for {@link StartedProcess.waitForLine} and for error messages; older ones are forgotten. */
const LINES_MAX = 10_000;

/** Lines shown when a wait fails. */
const LINES_SHOWN = 40;

export interface Exit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  /** Added to the environment of the test process; undefined removes. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** In a process group of its own: Ctrl-C in the terminal is then not sent to it, too. Default false. */
  readonly apart?: boolean;
}

interface LineWait {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpMatchArray) => void;
}

const running = new Set<StartedProcess>();

process.on("exit", () => {
  for (const started of running) started.signal("SIGKILL");
});

/** Starts a program. Rejects when it cannot be started at all. */
export async function start(
  program: string,
  args: readonly string[],
  options: StartOptions = {},
): Promise<StartedProcess> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    detached: options.apart ?? false,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", reject);
  });
  return new StartedProcess([program, ...args].join(" "), child);
}

/** Starts a TypeScript or JavaScript file with the Node that runs the test. */
export function startNode(
  file: string,
  args: readonly string[] = [],
  options: StartOptions = {},
): Promise<StartedProcess> {
  return start(process.execPath, [file, ...args], options);
}

/** A child process and what it printed. `await using` kills it at the end of the block. */
export class StartedProcess implements AsyncDisposable {
  readonly pid: number;
  /** Resolves when the process is gone and everything it printed was read. */
  readonly exited: Promise<Exit>;
  readonly #command: string;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: string[] = [];
  readonly #waits = new Set<LineWait>();

  constructor(command: string, child: ChildProcessByStdio<null, Readable, Readable>) {
    if (child.pid === undefined) throw new Error(`${command} has no process id: it was not started.`);
    this.pid = child.pid;
    this.#command = command;
    this.#child = child;
    running.add(this);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.#read(line);
      });
    }
    this.exited = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
      });
    });
  }

  /** What it printed so far on both streams, oldest first; at most the last 10,000 lines. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The first line, printed before or later, that matches. Rejects on exit or time-out, with the last lines printed. */
  async waitForLine(pattern: RegExp, timeoutMs = WAIT_MS): Promise<RegExpMatchArray> {
    for (const line of this.#lines) {
      const match = pattern.exec(line);
      if (match !== null) return match;
    }
    const { promise, resolve, reject } = Promise.withResolvers<RegExpMatchArray>();
    const wait: LineWait = { pattern, resolve };
    this.#waits.add(wait);
    const fail = (why: string): void => {
      const tail = this.#lines.slice(-LINES_SHOWN).join("\n");
      reject(new Error(`${this.#command}: ${why} before it printed ${String(pattern)}. Last lines:\n${tail}`));
    };
    const timer = setTimeout(fail, timeoutMs, `${String(timeoutMs)} ms passed`);
    void this.exited.then((exit) => {
      fail(`exited (${String(exit.signal ?? exit.code)})`);
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waits.delete(wait);
    }
  }

  /** Sends a signal and goes on. False when the process is gone already. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child.kill(signal);
  }

  /** Sends a signal, by default the one that nothing survives, and waits until the process is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #read(line: string): void {
    if (this.#lines.length === LINES_MAX) this.#lines.shift();
    this.#lines.push(line);
    for (const wait of this.#waits) {
      const match = wait.pattern.exec(line);
      if (match !== null) wait.resolve(match);
    }
  }
}
