// The server as users start it, on a data folder and a port that outlive the process.
import { fileURLToPath } from "node:url";
import { type Exit, type StartedProcess, startNode } from "@millrace/testing/process.ts";
import type { SmallDisk } from "./small-disk.ts";

const CLI = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** How long a server may take to listen; generous, for a machine that does other things as well. */
const READY_MS = 60_000;

/** How long a server may take to end after SIGTERM: its grace of 10 s for workers and calls, a checkpoint, and noise. */
const STOP_MS = 30_000;

export interface ServerPlace {
  readonly folder: string;
  /** Of gRPC, on loopback. */
  readonly port: number;
  /** Where the folder is seen, if not everywhere. */
  readonly disk?: SmallDisk;
}

/** One process; `await using` kills it. */
export class CrashServer implements AsyncDisposable {
  readonly #process: StartedProcess;

  constructor(started: StartedProcess) {
    this.#process = started;
  }

  /** Starts the process and does not wait for it to serve. */
  static async start({ folder, port, disk }: ServerPlace): Promise<CrashServer> {
    const args = ["start", "--data", folder, "--grpc-port", String(port), "--http-port", "0", "--log-level", "warn"];
    const started = disk === undefined ? startNode(CLI, args) : disk.run(process.execPath, [CLI, ...args]);
    return new CrashServer(await started);
  }

  /** Resolves when it listens: then every shard serves. */
  async ready(): Promise<void> {
    await this.#process.waitForLine(/Millrace serves gRPC on/, READY_MS);
  }

  /** Ends it as a power cut of the process would: SIGKILL. */
  async kill(): Promise<void> {
    await this.#process.kill("SIGKILL");
  }

  /** SIGTERM; resolves with how it ended, rejects when it does not end in time. */
  async stop(): Promise<Exit> {
    this.#process.signal("SIGTERM");
    return this.exited();
  }

  /** How it ended; rejects when it does not in time. */
  async exited(): Promise<Exit> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`The server still runs. It said:\n${this.said}`)), STOP_MS);
    try {
      return await Promise.race([this.#process.exited, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What `work` with it comes to; rejects at once when the process ends before. */
  async alive<Value>(work: Promise<Value>): Promise<Value> {
    const ended = this.#process.exited.then(({ code, signal }) => {
      throw new Error(`The server ended (${String(signal ?? code)}). It said:\n${this.said}`);
    });
    return Promise.race([work, ended]);
  }

  /** Everything it printed. */
  get said(): string {
    return this.#process.lines.join("\n");
  }

  /** What it logged as an error. */
  get errors(): readonly string[] {
    return this.#process.lines.filter((line) => line.includes('"level":"error"') || line.startsWith("error:"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
