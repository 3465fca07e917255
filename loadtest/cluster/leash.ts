// Processes that end with this one, however it ends. They are in process groups of their own, or Ctrl-C in the terminal
// would end all of them at once: nodes would have no servers to hand their shards over through.
import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";

const WATCHER = fileURLToPath(new URL("watcher.ts", import.meta.url));

export class Leash {
  /** What the watcher reads until this process is gone. */
  readonly #watcher: Writable;

  constructor() {
    const watcher = spawn(process.execPath, [WATCHER], { detached: true, stdio: ["pipe", "ignore", "inherit"] });
    // Whatever it could not be told, this process ends itself.
    watcher.stdin.on("error", () => undefined);
    watcher.unref();
    this.#watcher = watcher.stdin;
  }

  /** Starts a file with the Node.js of this process. */
  async start(file: string, args: readonly string[], env: Record<string, string> = {}): Promise<StartedProcess> {
    const started = await startNode(file, args, { env, apart: true });
    this.hold(started.pid);
    void started.exited.then(() => this.release(started.pid));
    return started;
  }

  /** A process that was started otherwise. */
  hold(pid: number): void {
    this.#watcher.write(`+${pid}\n`);
  }

  /** It has ended: its ID may be another's from now on. */
  release(pid: number): void {
    this.#watcher.write(`-${pid}\n`);
  }
}
