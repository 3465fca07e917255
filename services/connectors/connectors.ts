// The built-in worker: serves the task types that come with Millrace.
import { createWorker, type Worker, type WorkerOptions } from "@millrace/sdk/worker/worker.ts";
import { type HttpTask, type HttpTaskOptions, httpTask } from "./http/http-task.ts";

export interface ConnectorsOptions extends Pick<WorkerOptions, "address" | "transport" | "tls" | "clock" | "build"> {
  /** How many requests are under way at once, 1 to 10,000. @default 500 */
  readonly capacity?: number;
  /** The `http` task. */
  readonly http?: HttpTaskOptions;
}

export interface Connectors {
  /** Resolves when the first server greeted the worker; rejects as {@link Worker.start} does. */
  readonly started: Promise<void>;
  /** Lets requests under way finish for `timeoutMs` (default 30,000), as {@link Worker.stop} does. */
  stop(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Resolves when it has stopped; rejects when a server refused it for good. */
  readonly closed: Promise<void>;
}

/** Requests wait for others most of their time, so many fit into one process. */
const CAPACITY_DEFAULT = 500;

/** Starts the built-in worker. It keeps trying while no server answers. */
export function startConnectors(options: ConnectorsOptions = {}): Connectors {
  const { http: httpOptions, ...workerOptions } = options;
  const http = httpTask(httpOptions);
  const worker: Worker = createWorker({ name: "connectors", capacity: CAPACITY_DEFAULT, ...workerOptions });
  worker.handle("http", http.handler);
  const started = worker.start();
  const closed = endOf(worker, http);
  // Whoever does not look at these promises must not die of them.
  started.catch(() => undefined);
  closed.catch(() => undefined);
  return {
    started,
    closed,
    stop: async (stopOptions) => {
      await worker.stop(stopOptions);
      await closed;
    },
  };
}

async function endOf(worker: Worker, http: HttpTask): Promise<void> {
  try {
    await worker.closed;
  } finally {
    await http.close();
  }
}
