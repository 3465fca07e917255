// Every code Millrace refuses requests or fails steps with. Data only: `refusal.ts` and `failure.ts` build values from
// it, docs/errors has a page for each code, and the test beside this file holds the three together.
import type { FailureClass } from "@millrace/model/failure.ts";
import type { RefusalCode } from "@millrace/model/refusal.ts";
import type { StatusName } from "./status.ts";

/** What a refused request is told. */
export interface RefusalEntry {
  readonly status: StatusName;
  /** What is wrong, when the place that refuses has nothing more exact to say. */
  readonly message: string;
  /** What the caller can do. */
  readonly fix: string;
  /** When trying again makes sense, ms; 0 = it does not, until something else changed. */
  readonly retryDelayMs: number;
}

/** What the owner of a workflow is told of a failed attempt, step or run. */
export interface FailureEntry {
  readonly class: FailureClass;
  /** What happened, when the place that fails has nothing more exact to say. */
  readonly message: string;
  /** What the owner can do. */
  readonly guidance: string;
}

export const REFUSALS: Readonly<Record<RefusalCode, RefusalEntry>> = {
  INVALID_ARGUMENT: {
    status: "INVALID_ARGUMENT",
    message: "The request has a field with a value that is not allowed.",
    fix: "Correct the field the error names.",
    retryDelayMs: 0,
  },
  RUN_NOT_FOUND: {
    status: "NOT_FOUND",
    message: "No run has this ID.",
    fix: "Check the run ID and the tenant; ListRuns shows the runs there are.",
    retryDelayMs: 0,
  },
  WORKFLOW_NOT_FOUND: {
    status: "NOT_FOUND",
    message: "No workflow has this name and version.",
    fix: "Register the workflow first, or check its name, version and tenant; ListWorkflows shows what there is.",
    retryDelayMs: 0,
  },
  WORKFLOW_INVALID: {
    status: "INVALID_ARGUMENT",
    message: "The workflow definition has mistakes.",
    fix: "Correct what each violation names; ValidateWorkflow checks a definition without registering it.",
    retryDelayMs: 0,
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: "ALREADY_EXISTS",
    message: "This idempotency key already started a run with another workflow, version or input.",
    fix: "Use a new key for a new run, or repeat the first request unchanged to get its run.",
    retryDelayMs: 0,
  },
  RUN_ENDED: {
    status: "FAILED_PRECONDITION",
    message: "The run has ended.",
    fix: "Start a new run, or reopen this one with RetryRun if it did not complete.",
    retryDelayMs: 0,
  },
  RUN_NOT_ENDED: {
    status: "FAILED_PRECONDITION",
    message: "The run has not ended.",
    fix: "Wait for its end, or end it with CancelRun or TerminateRun.",
    retryDelayMs: 0,
  },
  RUN_NOT_FAILED: {
    status: "FAILED_PRECONDITION",
    message: "The run completed: there is nothing to retry.",
    fix: "Start a new run to do the work again.",
    retryDelayMs: 0,
  },
  RUN_NOT_PAUSED: {
    status: "FAILED_PRECONDITION",
    message: "The run is not paused.",
    fix: "Nothing to do: the run goes on by itself. GetRun shows its status.",
    retryDelayMs: 0,
  },
  PAYLOAD_TOO_LARGE: {
    status: "INVALID_ARGUMENT",
    message: "The payload is larger than Millrace takes.",
    fix: "Store the data elsewhere and send its address.",
    retryDelayMs: 0,
  },
  SIGNAL_BUFFER_FULL: {
    status: "RESOURCE_EXHAUSTED",
    message: "As many signals as a run may keep wait in it already.",
    fix: "Send again when the run has taken some, or let the workflow wait for signals more often.",
    retryDelayMs: 1_000,
  },
  SHARD_OVERLOADED: {
    status: "RESOURCE_EXHAUSTED",
    message: "More requests wait than Millrace holds in memory.",
    fix: "Send again after the retry delay; use SubmitRuns, which slows down instead of refusing.",
    retryDelayMs: 100,
  },
  SHARD_UNAVAILABLE: {
    status: "UNAVAILABLE",
    message: "The part of Millrace that owns this run starts, stops or recovers.",
    fix: "Send again after the retry delay, with the same idempotency key.",
    retryDelayMs: 250,
  },
  DISK_FULL: {
    status: "RESOURCE_EXHAUSTED",
    message: "The disk that holds Millrace's data is full: no new work is taken in.",
    fix: "Free room on that disk or enlarge it; Millrace goes on by itself.",
    retryDelayMs: 5_000,
  },
  NOT_CLUSTERED: {
    status: "FAILED_PRECONDITION",
    message: "This server is on its own: there is no cluster to change.",
    fix: "Start processes of a cluster with `millrace start --nats nats://<host>:4222 --name <name>`, and ask one of them.",
    retryDelayMs: 0,
  },
  NODE_NOT_FOUND: {
    status: "NOT_FOUND",
    message: "No process of this name hosts shards.",
    fix: "Check the name; ListNodes (`millrace cluster nodes`) shows those there are.",
    retryDelayMs: 0,
  },
  SHARD_NOT_FOUND: {
    status: "NOT_FOUND",
    message: "The cluster has no shard of this number.",
    fix: "Check the number; ListShards (`millrace cluster shards`) shows those there are.",
    retryDelayMs: 0,
  },
  COORDINATOR_UNAVAILABLE: {
    status: "UNAVAILABLE",
    message: "Nobody coordinates the cluster at the moment.",
    fix: "Ask again after the retry delay: asking twice is the same as once.",
    retryDelayMs: 500,
  },
  SNAPSHOT_FAILED: {
    status: "UNAVAILABLE",
    message: "No process could take the snapshot.",
    fix: "Ask again after the retry delay; if it goes on, look at the logs of the processes that host the shard.",
    retryDelayMs: 2_000,
  },
};

export const FAILURES = {
  ATTEMPT_TIMEOUT: {
    class: "transient",
    message: "The worker did not answer within the attempt's time-out.",
    guidance: "If the work takes this long, raise the step's timeout; else find out why the worker hangs.",
  },
  STEP_TIMEOUT: {
    class: "permanent",
    message: "The step was not done within its time-out, all attempts and waiting included.",
    guidance: "Raise the step's time-out, or look at its attempts to see what took the time.",
  },
  RUN_TIMEOUT: {
    class: "permanent",
    message: "The run did not end within its time-out.",
    guidance: "Raise the workflow's timeout, or look at the timeline to see what took the time.",
  },
  WORKER_LOST: {
    class: "transient",
    message: "The worker that held the attempt went away or fell silent.",
    guidance: "The attempt is made again elsewhere. If it happens often, look for crashes of that worker.",
  },
  WORKER_ERROR: {
    class: "transient",
    message: "The worker's code threw an error that it did not classify.",
    guidance: "Throw TransientError or PermanentError in the handler, so that Millrace knows whether to try again.",
  },
  TRANSIENT_ERROR: {
    class: "transient",
    message: "The handler asked for another attempt.",
    guidance: "If it happens often, give the handler's TransientError a code and guidance of its own.",
  },
  SIGNAL_TIMEOUT: {
    class: "permanent",
    message: "The signal did not come in time.",
    guidance: "Find out why nobody sent it, then retry the run; or raise the step's timeout.",
  },
  CHILD_RUN_FAILED: {
    class: "transient",
    message: "The child run that the step waited for did not complete.",
    guidance: "Look at the child's timeline. With the cause gone, retry this run: it starts a new child.",
  },
  CHILD_RUN_REFUSED: {
    class: "permanent",
    message: "The step could not start its child run.",
    guidance: "Register the workflow or correct its name and version, then retry the run.",
  },
  EXPRESSION_FAILED: {
    class: "permanent",
    message: "An expression of the definition could not be evaluated.",
    guidance: "Compare the expression with the data it read; guard optional fields with has().",
  },
  EXPRESSION_TOO_LARGE: {
    class: "permanent",
    message: "An expression made more data than a step may hold.",
    guidance: "Select what later steps need instead of copying whole values.",
  },
  EXPRESSION_TOO_COSTLY: {
    class: "permanent",
    message: "An expression needed more evaluation steps than Millrace allows.",
    guidance: "Move the computation into a task, or filter the list before going through it.",
  },
  EXPRESSION_TYPE: {
    class: "permanent",
    message: "An expression gave a value of the wrong type for its place.",
    guidance: "An if needs a boolean, a forEach a list, a sleep a duration or a time; convert the value.",
  },
  BLOB_LOST: {
    class: "permanent",
    message: "A large payload that the step reads is gone from the blob store, or damaged there.",
    guidance: "Bring the blobs folder back from a backup and retry the run, or start a new run.",
  },
  OUTPUT_NOT_JSON: {
    class: "permanent",
    message: "The worker sent an output that is not valid UTF-8 JSON.",
    guidance: "Return plain data from the handler; a worker of your own must encode outputs as JSON.",
  },
  INPUT_TOO_LARGE: {
    class: "permanent",
    message: "The step's input is larger than a payload may be.",
    guidance: "Store the data elsewhere and pass its address, or pass only the fields the step needs.",
  },
  PAYLOAD_TOO_LARGE: {
    class: "permanent",
    message: "The output is larger than a payload may be.",
    guidance: "Store the data elsewhere and return its address.",
  },
  RUN_TOO_LARGE: {
    class: "permanent",
    message: "The run holds more data than a run may.",
    guidance:
      "Let steps return less, store large data elsewhere, log less, or split long lists over several runs; then start a new run.",
  },
  CANCELLED: {
    class: "permanent",
    message: "The attempt was stopped because its run was asked to stop.",
    guidance: "Nothing to do if the cancellation was wanted; else retry the run.",
  },
  HTTP_INPUT_INVALID: {
    class: "permanent",
    message: "The step's input does not describe a request.",
    guidance: "Correct the field that the message names in the step's with.",
  },
  HTTP_UNEXPECTED_ANSWER: {
    class: "permanent",
    message: "The service answered in a way that the step does not take.",
    guidance:
      "If the status is a good one, name it in the step's expect; else compare the request with the service's documentation.",
  },
  HTTP_BAD_REQUEST: {
    class: "permanent",
    message: "The service refused the request as invalid.",
    guidance: "Compare the request in the timeline with the service's documentation; its answer is in the message.",
  },
  HTTP_UNAUTHORIZED: {
    class: "permanent",
    message: "The service did not accept the credentials (401).",
    guidance: "Renew the credentials the step uses, then retry the run.",
  },
  HTTP_FORBIDDEN: {
    class: "permanent",
    message: "The credentials do not allow this request (403).",
    guidance: "Give the credentials the missing right at the service, then retry the run.",
  },
  HTTP_NOT_FOUND: {
    class: "permanent",
    message: "The service does not know the address (404).",
    guidance: "Check the URL and the IDs in it; the resource may have been deleted.",
  },
  HTTP_CONFLICT: {
    class: "permanent",
    message: "The request conflicts with the state of the resource (409).",
    guidance: "Look at the resource at the service: the work may be done already.",
  },
  HTTP_GONE: {
    class: "permanent",
    message: "The resource was removed for good (410).",
    guidance: "Take the step out of the workflow, or point it to the resource's successor.",
  },
  HTTP_TOO_MANY_REQUESTS: {
    class: "transient",
    message: "The service asks for fewer requests (429).",
    guidance: "Attempts wait as long as the service asks. Lower maxConcurrency if it happens often.",
  },
  HTTP_SERVER_ERROR: {
    class: "transient",
    message: "The service failed (5xx).",
    guidance: "Look at the service's status page. If it goes on, retry the runs when it works again.",
  },
  HTTP_TIMEOUT: {
    class: "transient",
    message: "The service did not answer in time.",
    guidance: "Raise the step's timeout if the service is slow by nature.",
  },
  HTTP_CONNECTION_REFUSED: {
    class: "transient",
    message: "Nothing listens at the service's address.",
    guidance: "Check host and port, and that the service runs.",
  },
  HTTP_CONNECTION_RESET: {
    class: "transient",
    message: "The connection broke before the answer was complete.",
    guidance: "If it happens often, look for a proxy or a limit between Millrace and the service.",
  },
  HTTP_DNS: {
    class: "transient",
    message: "The host's name could not be resolved.",
    guidance: "Check the host name in the URL and the name server of the machine.",
  },
  HTTP_TLS: {
    class: "permanent",
    message: "No trusted TLS connection could be made.",
    guidance: "Renew the service's certificate, or trust its authority with NODE_EXTRA_CA_CERTS.",
  },
  HTTP_ADDRESS_REFUSED: {
    class: "permanent",
    message: "The URL leads to an address that Millrace may not call.",
    guidance: "Allow the address in the connector's configuration if the service is meant to be reached there.",
  },
  HTTP_RESPONSE_TOO_LARGE: {
    class: "permanent",
    message: "The response is larger than the step takes.",
    guidance: "Ask the service for less, for example a page or selected fields.",
  },
  HTTP_TOO_MANY_REDIRECTS: {
    class: "permanent",
    message: "The service redirected more often than Millrace follows.",
    guidance: "Use the final address in the step.",
  },
} as const satisfies Readonly<Record<string, FailureEntry>>;

/** Codes of failures that Millrace itself reports. Workers add codes of their own. */
export type FailureCode = keyof typeof FAILURES;
