import { randomUUID } from "node:crypto";
import { type ClientReadableStream, Metadata } from "@grpc/grpc-js";
import type { RunStatus } from "@millrace/model/run-state.ts";
import { createRpcClient } from "@millrace/rpc/client.ts";
import {
  RunServiceClient,
  RunServiceService,
  type WatchRunResponse,
} from "@millrace/rpc/generated/millrace/v1/runs.ts";
import {
  type Workflow,
  type WorkflowProblem,
  WorkflowServiceService,
} from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import { fastMethods } from "@millrace/rpc/wire/fast-methods.ts";
import { type ParsePayload, parseJson } from "../parse-payload.ts";
import { credentialsOf, type TlsFiles } from "../tls.ts";
import { type ClusterClient, clusterClient } from "./cluster.ts";
import { errorOfStart, type MillraceError } from "./millrace-error.ts";
import { encodePayload } from "./payload.ts";
import { type Run, type RunEnd, runEndOf, runOf, statusNumber } from "./run.ts";
import { type RunRequest, StreamSubmitter, type Submitter, type SubmitterOptions } from "./submitter.ts";
import { type StepStatus, stepOf, stepStatusNumber, type Timeline, type TimelineStep } from "./timeline.ts";
import { callUnary, type UnaryMethod } from "./unary-call.ts";
import { watch } from "./watch.ts";

export interface ClientOptions {
  /** The server's gRPC address, `host:port`. @default "127.0.0.1:7400" */
  readonly address?: string;
  /** The customer that runs belong to. @default "default" */
  readonly tenant?: string;
  /** How to reach a server that speaks TLS. @default none: plain text */
  readonly tls?: TlsFiles;
  /** How long a call may take, retries included, ms. @default 10,000 */
  readonly timeoutMs?: number;
  /**
   * Makes values of the JSON texts of inputs, outputs and logs. JSON.parse rounds numbers beyond 2^53, so whoever needs
   * each digit of them gives another function: here, integers that would be rounded become bigints. (To send such a
   * number, write it as `JSON.rawJSON("12345678901234567890")`.)
   *
   *     (text) =>
   *       JSON.parse(text, (_key, value, { source = "" }: { source?: string } = {}) =>
   *         !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value)
   *
   * @default JSON.parse
   */
  readonly parsePayload?: (text: string) => unknown;
}

export interface StartedRun {
  readonly runId: string;
  /** Whether an earlier call with this key started it. */
  readonly repeated: boolean;
}

export interface RunFilter {
  readonly workflow?: string;
  readonly status?: RunStatus;
  /** Started at or after. */
  readonly startedFrom?: Date;
  /** Started before. */
  readonly startedUntil?: Date;
  /** How many runs one call brings, 1 to 1,000. @default 100 */
  readonly pageSize?: number;
}

export interface TimelineOptions {
  /** Without payloads and logs. @default false */
  readonly brief?: boolean;
  /** Only this step and its items. */
  readonly step?: string;
  /** Only this item of `step`, from 0. */
  readonly item?: number;
}

export interface ItemFilter {
  /** Only items of this step. */
  readonly step?: string;
  /** Only items in one of these states. */
  readonly statuses?: readonly StepStatus[];
  /** Without payloads and logs. @default false */
  readonly brief?: boolean;
  /** How many items one call brings at most, 1 to 1,000. @default 1,000 */
  readonly pageSize?: number;
}

/**
 * Millrace's API. Every method throws MillraceError: NOT_FOUND, INVALID_ARGUMENT, FAILED_PRECONDITION … as the service
 * says, DEADLINE_EXCEEDED after `timeoutMs`. What can be repeated without harm is, while the server is out of reach or
 * asks for patience; starts get an idempotency key of their own for that when they have none.
 */
export interface Client {
  /** Starts a run; durable when it resolves. */
  startRun(run: RunRequest): Promise<StartedRun>;
  /** Starts a run and waits for its end, for `timeoutMs` at most (default 60,000); the run goes on after that. */
  runToEnd(run: RunRequest, options?: { readonly timeoutMs?: number }): Promise<RunEnd>;
  /** Starts 1 to 10,000 runs; one answer a run, in the same order: started, or why not. */
  startRuns(runs: readonly RunRequest[]): Promise<(StartedRun | MillraceError)[]>;
  /** A stream of starts and ends, for many runs. */
  submitter(options?: SubmitterOptions): Submitter;
  getRun(runId: string): Promise<Run>;
  /** What happened to a run, step by step. */
  getTimeline(runId: string, options?: TimelineOptions): Promise<Timeline>;
  /** The items of the run's `forEach` steps, in order: those of one step, in some states, or all. */
  listItems(runId: string, filter?: ItemFilter): AsyncGenerator<TimelineStep, void, void>;
  /** Newest first, without input and output. */
  listRuns(filter?: RunFilter): AsyncGenerator<Run, void, void>;
  /**
   * The run as it is, again after every change, until its end; while it lives without an input of more than 64 KiB. With
   * `timeline`, its steps too, without payloads.
   */
  watchRun(
    runId: string,
    options?: { readonly timeline?: boolean; readonly signal?: AbortSignal },
  ): AsyncGenerator<Timeline, void, void>;
  /** Hands a signal to a run. `requestId` makes repeated calls count once (default: one of its own). */
  signalRun(
    runId: string,
    name: string,
    payload?: unknown,
    requestId?: string,
  ): Promise<{ readonly repeated: boolean }>;
  cancelRun(runId: string, reason?: string): Promise<void>;
  terminateRun(runId: string, reason?: string): Promise<void>;
  pauseRun(runId: string, reason?: string): Promise<void>;
  resumeRun(runId: string): Promise<void>;
  /** Runs again what did not complete. `requestId` makes repeated calls count once (default: one of its own). */
  retryRun(runId: string, requestId?: string): Promise<{ readonly epoch: number; readonly repeated: boolean }>;
  /** Adds a definition, YAML or JSON, as the next version of its workflow; the same as the newest is that one. */
  registerWorkflow(source: string): Promise<{ readonly workflow: Workflow; readonly created: boolean }>;
  /** What is wrong with a definition; empty if nothing is. */
  validateWorkflow(source: string): Promise<readonly WorkflowProblem[]>;
  /** A version, the newest by default. */
  getWorkflow(name: string, version?: number): Promise<Workflow>;
  /** The newest version of every workflow, by name, without `source`. */
  listWorkflows(): AsyncGenerator<Workflow, void, void>;
  /** For operators: the cluster, its processes and shards. */
  readonly cluster: ClusterClient;
  /** Closes the connection. Submitters are closed by themselves. */
  close(): void;
}

const RUNS = fastMethods(RunServiceService);
const WORKFLOWS = fastMethods(WorkflowServiceService);

const ADDRESS_DEFAULT = "127.0.0.1:7400";
const TIMEOUT_MS_DEFAULT = 10_000;
const RUN_TIMEOUT_MS_DEFAULT = 60_000;
const PAGE_SIZE_DEFAULT = 100;
/** Every page is a look at the whole run. */
const ITEM_PAGE_SIZE_DEFAULT = 1_000;

/** A client of one server for one tenant. It connects with the first call. */
export function createClient(options: ClientOptions = {}): Client {
  return new GrpcClient(options);
}

class GrpcClient implements Client {
  readonly cluster: ClusterClient = clusterClient((method, request) => this.#call(method, request));
  readonly #runs: RunServiceClient;
  readonly #metadata = new Metadata();
  readonly #timeoutMs: number;
  readonly #parse: ParsePayload;

  constructor({ address = ADDRESS_DEFAULT, tenant, tls, ...options }: ClientOptions) {
    this.#runs = createRpcClient(RunServiceClient, address, credentialsOf(tls));
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
    this.#parse = options.parsePayload ?? parseJson;
    if (tenant !== undefined) this.#metadata.set("millrace-tenant", tenant);
  }

  async startRun(run: RunRequest): Promise<StartedRun> {
    const request = { ...startOf(run), wait: false };
    const { runId, repeatedStart } = await this.#call(RUNS.startRun, request);
    return { runId, repeated: repeatedStart };
  }

  async runToEnd(run: RunRequest, options: { readonly timeoutMs?: number } = {}): Promise<RunEnd> {
    const request = { ...startOf(run), wait: true };
    const timeoutMs = options.timeoutMs ?? RUN_TIMEOUT_MS_DEFAULT;
    const { end } = await this.#call(RUNS.startRun, request, { timeoutMs });
    return runEndOf(present(end, "StartRun"), this.#parse);
  }

  async startRuns(runs: readonly RunRequest[]): Promise<(StartedRun | MillraceError)[]> {
    const request = { runs: runs.map((run, ref) => ({ ref, ...startOf(run) })) };
    const response = await this.#call(RUNS.startRuns, request);
    return response.runs.map(({ runId, repeatedStart, error }) =>
      error === undefined ? { runId, repeated: repeatedStart } : errorOfStart(error),
    );
  }

  submitter(options: SubmitterOptions = {}): Submitter {
    return new StreamSubmitter(() => this.#runs.submitRuns(this.#metadata), this.#parse, options);
  }

  async getRun(runId: string): Promise<Run> {
    const { run } = await this.#call(RUNS.getRun, { runId });
    return runOf(present(run, "GetRun"), this.#parse);
  }

  async getTimeline(runId: string, options: TimelineOptions = {}): Promise<Timeline> {
    const { brief = false, step = "", item = -1 } = options;
    const answer = await this.#call(RUNS.getTimeline, { runId, brief, step, item: item + 1 });
    return this.#timeline(answer, "GetTimeline");
  }

  async *listItems(runId: string, filter: ItemFilter = {}): AsyncGenerator<TimelineStep, void, void> {
    const { step = "", statuses = [], brief = false, pageSize = ITEM_PAGE_SIZE_DEFAULT } = filter;
    let pageToken = "";
    do {
      const request = { runId, step, statuses: statuses.map(stepStatusNumber), brief, pageSize, pageToken };
      const page = await this.#call(RUNS.listItems, request);
      for (const item of page.items) yield stepOf(item, this.#parse);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async *listRuns(filter: RunFilter = {}): AsyncGenerator<Run, void, void> {
    let pageToken = "";
    do {
      const request = {
        workflow: filter.workflow ?? "",
        status: statusNumber(filter.status),
        startTimeFrom: filter.startedFrom,
        startTimeUntil: filter.startedUntil,
        pageSize: filter.pageSize ?? PAGE_SIZE_DEFAULT,
        pageToken,
      };
      const page = await this.#call(RUNS.listRuns, request);
      for (const run of page.runs) yield runOf(run, this.#parse);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async *watchRun(
    runId: string,
    { timeline = false, signal }: { readonly timeline?: boolean; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Timeline, void, void> {
    const open = (): ClientReadableStream<WatchRunResponse> => this.#runs.watchRun({ runId, timeline }, this.#metadata);
    for await (const state of watch(open, signal)) yield this.#timeline(state, "WatchRun");
  }

  async signalRun(
    runId: string,
    name: string,
    payload?: unknown,
    requestId = randomUUID(),
  ): Promise<{ readonly repeated: boolean }> {
    const request = { runId, name, payload: encodePayload(payload), requestId };
    const { repeatedSignal } = await this.#call(RUNS.signalRun, request);
    return { repeated: repeatedSignal };
  }

  async cancelRun(runId: string, reason = ""): Promise<void> {
    await this.#call(RUNS.cancelRun, { runId, reason });
  }

  async terminateRun(runId: string, reason = ""): Promise<void> {
    // A second one would find the run ended and fail.
    await this.#call(RUNS.terminateRun, { runId, reason }, { repeatable: false });
  }

  async pauseRun(runId: string, reason = ""): Promise<void> {
    await this.#call(RUNS.pauseRun, { runId, reason });
  }

  async resumeRun(runId: string): Promise<void> {
    // A second one would find the run not paused and fail.
    await this.#call(RUNS.resumeRun, { runId }, { repeatable: false });
  }

  async retryRun(
    runId: string,
    requestId = randomUUID(),
  ): Promise<{ readonly epoch: number; readonly repeated: boolean }> {
    const { epoch, repeatedRetry } = await this.#call(RUNS.retryRun, { runId, requestId });
    return { epoch, repeated: repeatedRetry };
  }

  async registerWorkflow(source: string): Promise<{ readonly workflow: Workflow; readonly created: boolean }> {
    const response = await this.#call(WORKFLOWS.registerWorkflow, { source });
    return { workflow: present(response.workflow, "RegisterWorkflow"), created: response.created };
  }

  async validateWorkflow(source: string): Promise<readonly WorkflowProblem[]> {
    return (await this.#call(WORKFLOWS.validateWorkflow, { source })).problems;
  }

  async getWorkflow(name: string, version = 0): Promise<Workflow> {
    const { workflow } = await this.#call(WORKFLOWS.getWorkflow, { name, version });
    return present(workflow, "GetWorkflow");
  }

  async *listWorkflows(): AsyncGenerator<Workflow, void, void> {
    let pageToken = "";
    do {
      const request = { pageSize: PAGE_SIZE_DEFAULT, pageToken };
      const page = await this.#call(WORKFLOWS.listWorkflows, request);
      yield* page.workflows;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  close(): void {
    this.#runs.close();
  }

  #timeline({ run, steps }: WatchRunResponse, call: string): Timeline {
    return { run: runOf(present(run, call), this.#parse), steps: steps.map((step) => stepOf(step, this.#parse)) };
  }

  #call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    terms: { readonly timeoutMs?: number; readonly repeatable?: boolean } = {},
  ): Promise<Response> {
    const { timeoutMs = this.#timeoutMs, repeatable = true } = terms;
    return callUnary(this.#runs, method, { request, metadata: this.#metadata, timeoutMs, repeatable });
  }
}

/** A start with an idempotency key: one of its own when it came without, so that a lost answer can be asked for again. */
function startOf({ workflow, input, idempotencyKey, version = 0 }: RunRequest) {
  return { workflow, input: encodePayload(input), idempotencyKey: idempotencyKey ?? randomUUID(), version };
}

function present<Value>(value: Value | undefined, call: string): Value {
  if (value === undefined) throw new Error(`The server answered ${call} without its main part.`);
  return value;
}
