// The server as users start it, and its API as JSON over HTTP, which any language has.
import { join } from "node:path";
import { type Exit, type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";

/** How long a server may take to listen; generous, for a machine that does other things as well. */
const READY_MS = 60_000;

export interface Step {
  readonly status: string;
  readonly worker?: string;
  readonly attempts?: number;
  readonly output?: unknown;
  readonly progress?: unknown;
  readonly logs?: readonly { readonly level: string; readonly msg: string }[];
  readonly failure?: Failure;
  readonly failedAttempts?: readonly {
    readonly worker?: string;
    readonly failure: Failure;
    readonly logs?: readonly unknown[];
  }[];
}

export interface Failure {
  readonly code: string;
  readonly class?: string;
  readonly message: string;
  readonly guidance?: string;
}

export interface Timeline {
  readonly run: { readonly status: string; readonly output?: unknown; readonly failure?: Failure };
  readonly steps: readonly Step[];
}

/** One process; `await using` kills it. */
export class ApiServer implements AsyncDisposable {
  /** `host:port` of gRPC. */
  readonly grpc: string;
  /** `http://host:port`. */
  readonly http: string;
  readonly #process: StartedProcess;

  constructor(started: StartedProcess, grpc: string, http: string) {
    this.#process = started;
    this.grpc = grpc;
    this.http = http;
  }

  /** Starts a server on a data folder, by default on free ports; resolves when it serves. */
  static async start(folder: string, grpcPort = 0): Promise<ApiServer> {
    const args = [
      "start",
      "--data",
      folder,
      "--grpc-port",
      String(grpcPort),
      "--http-port",
      "0",
      "--log-level",
      "warn",
    ];
    const started = await startNode(join(ROOT, "services/cli/main.ts"), args);
    const [, grpc = "", http = ""] = await started.waitForLine(/serves gRPC on (\S+) and HTTP on (\S+)\. /, READY_MS);
    return new ApiServer(started, grpc, http);
  }

  /** An RPC as JSON over HTTP. Rejects with the answer's text unless it is 200. */
  async call(method: string, request: unknown): Promise<unknown> {
    const answer = await fetch(`${this.http}/millrace.v1.${method}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method}: ${text}`);
    return JSON.parse(text);
  }

  async register(source: string): Promise<void> {
    await this.call("WorkflowService/RegisterWorkflow", { source });
  }

  /** Starts a run and resolves with its ID. */
  async startRun(workflow: string, input: unknown = null): Promise<string> {
    const answer = await this.call("RunService/StartRun", { workflow, input });
    if (typeof answer === "object" && answer !== null && "runId" in answer) return String(answer.runId);
    throw new Error(`StartRun answered ${JSON.stringify(answer)}.`);
  }

  async timeline(runId: string): Promise<Timeline> {
    // oxlint-disable-next-line no-unsafe-type-assertion -- the tests check what is in it
    return (await this.call("RunService/GetTimeline", { runId })) as Timeline;
  }

  /** Starts a run, waits for its end, and resolves with its timeline. */
  async finishedRun(workflow: string, input: unknown): Promise<Timeline> {
    const runId = await this.startRun(workflow, input);
    await this.ended(runId);
    return this.timeline(runId);
  }

  /** Resolves when a run has ended. */
  async ended(runId: string): Promise<void> {
    const answer = await fetch(`${this.http}/millrace.v1.RunService/WatchRun`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ runId }),
    });
    // The stream ends with the run.
    await answer.text();
  }

  /** Sends SIGSTOP: the process answers nothing, and its connections stay open. */
  freeze(): void {
    this.#process.signal("SIGSTOP");
  }

  async kill(): Promise<void> {
    await this.#process.kill();
  }

  /** Sends SIGTERM; resolves with how the process ended. */
  stop(): Promise<Exit> {
    return this.#process.kill("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
