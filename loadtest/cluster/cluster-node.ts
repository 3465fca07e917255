// One process of Millrace, as an operator starts it.
import { join } from "node:path";
import type { StartedProcess } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import type { Leash } from "./leash.ts";
import { stopGently } from "./stop-gently.ts";

const CLI = "services/cli/main.ts";

/** Joining takes seconds; with much to read back, longer. */
const JOIN_MS = 120_000;

/** A node that is busy answers later than one that is gone does not. */
const ANSWER_MS = 1_000;

export interface NodePlace {
  readonly name: string;
  /** Of all nodes. */
  readonly folder: string;
  /** Addresses of the NATS servers. */
  readonly nats: readonly string[];
  readonly shards: number;
  readonly grpcPort: number;
  readonly httpPort: number;
}

/** What a node hosts and is ready to serve, or, as a standby, to take over. */
export interface Hosted {
  readonly owns: number;
  readonly standsBy: number;
}

export class ClusterNode {
  readonly name: string;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Called whenever it has ended. */
  onEnd: (() => void) | undefined = undefined;
  readonly #leash: Leash;
  readonly #args: readonly string[];
  #process: StartedProcess | null = null;

  constructor(leash: Leash, { name, folder, nats, shards, grpcPort, httpPort }: NodePlace) {
    this.#leash = leash;
    this.name = name;
    this.grpcAddress = `127.0.0.1:${grpcPort}`;
    this.httpAddress = `http://127.0.0.1:${httpPort}`;
    this.#args = [
      ...["start", "--nats", ...nats.map((address) => `nats://${address}`), "--name", name],
      ...["--cluster-shards", String(shards), "--data", join(folder, name), "--log-level", "warn"],
      ...["--grpc-port", String(grpcPort), "--http-port", String(httpPort)],
    ];
  }

  /** What starts it, to be pasted. */
  get command(): string {
    return `npx millrace ${this.#args.map((arg) => quoted(arg)).join(" ")}`;
  }

  /** undefined = it does not run. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it, anew if need be, and resolves when it is one of the cluster. */
  async start(): Promise<void> {
    const started = await this.#leash.start(join(ROOT, CLI), this.#args);
    this.#process = started;
    void started.exited.then(() => {
      this.#process = null;
      this.onEnd?.();
    });
    await started.waitForLine(/ is in the cluster /, JOIN_MS);
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    await this.#process?.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    if (this.#process !== null) await stopGently(this.#process);
  }

  /** undefined = it does not answer. */
  async hosted(): Promise<Hosted | undefined> {
    if (this.#process === null) return undefined;
    try {
      const response = await fetch(`${this.httpAddress}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return parseHosted(await response.text());
    } catch {
      return undefined;
    }
  }
}

/** As a shell takes it for one word. */
function quoted(arg: string): string {
  return /^[\w./:-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`;
}

/** What a page of metrics says of shards that are ready. */
export function parseHosted(metrics: string): Hosted {
  const count = (role: string): number => {
    const match = new RegExp(String.raw`^millrace_shards_hosted\{role="${role}",state="ready"\} (\d+)$`, "m").exec(
      metrics,
    );
    return Number(match?.[1] ?? 0);
  };
  return { owns: count("owner"), standsBy: count("standby") };
}
