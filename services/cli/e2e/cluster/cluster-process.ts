// A process of a cluster as users start it, on a data folder and ports that outlive it.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "@millrace/testing/free-port.ts";
import { type Exit, type StartedProcess, startNode } from "@millrace/testing/process.ts";

const CLI = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** How long a process may take to join; generous, for a machine that does other things as well. */
const JOIN_MS = 60_000;

/** What all processes of one cluster have in common. */
export interface ClusterPlace {
  /** Below it each process has a folder. */
  readonly folder: string;
  /** Addresses of NATS servers. */
  readonly nats: readonly string[];
  readonly replicas: 1 | 3;
  readonly shards: number;
  readonly roles?: readonly string[];
}

export class ClusterProcess implements AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly #place: ClusterPlace;
  readonly #errors: string[] = [];
  #process: StartedProcess | null = null;

  private constructor(place: ClusterPlace, name: string, port: number) {
    this.#place = place;
    this.name = name;
    this.port = port;
  }

  /** One that is not started yet. */
  static async at(place: ClusterPlace, name: string): Promise<ClusterProcess> {
    return new ClusterProcess(place, name, await freePort());
  }

  /** Starts it, anew if need be, and resolves when it has joined. */
  async start(): Promise<void> {
    const { folder, nats, replicas, shards, roles = ["all"] } = this.#place;
    this.#process = await startNode(CLI, [
      ...["start", "--nats", ...nats, "--nats-replicas", String(replicas), "--cluster-shards", String(shards)],
      ...["--name", this.name, "--role", ...roles, "--data", join(folder, this.name), "--log-level", "info"],
      ...["--grpc-port", String(this.port), "--http-port", "0"],
    ]);
    await this.#process.waitForLine(/ is in the cluster /, JOIN_MS);
  }

  /** Resolves when it has said so since it was started. */
  async says(pattern: RegExp): Promise<void> {
    await this.#running.waitForLine(pattern, JOIN_MS);
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.signal(signal);
  }

  /** Ends it as a power cut of its machine would, or as `signal` does; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<Exit> {
    const exit = await this.#running.kill(signal);
    this.#errors.push(...this.#running.lines.filter((line) => line.includes('"level":"error"')));
    return exit;
  }

  /** What it logged as an error in the lives that are over. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Everything it said in this life. */
  get said(): string {
    return this.#process?.lines.join("\n") ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.kill();
  }

  get #running(): StartedProcess {
    if (this.#process === null) throw new Error(`${this.name} was not started.`);
    return this.#process;
  }
}
