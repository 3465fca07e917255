// One webhook delivery: found, verified over its raw bytes, checked, and answered once its run is durable.
import { STATUSES, type StatusName } from "@millrace/errors/status.ts";
import type { WebhookTrigger } from "@millrace/model/definition.ts";
import { httpAnswerOf } from "@millrace/rpc/error-details.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";
import { submitOne } from "../calls/ask-shards.ts";
import { Refused } from "../calls/call.ts";
import { TRACE_HEADER, traceparentOf } from "../calls/trace-context.ts";
import { jsonText } from "../payloads/json-text.ts";
import { prepareStart } from "../runs/start-command.ts";
import type { RunPorts } from "../runs/start-runs.ts";
import type { WebhookRoute, WebhookRoutes } from "./routes.ts";
import { SecretMissing, type Secrets } from "./secrets.ts";
import { verifyGithub } from "./verify/github.ts";
import { verifyNone } from "./verify/none.ts";
import { standardSecretFault, verifyStandardWebhooks } from "./verify/standard-webhooks.ts";
import type { Delivery, Verification } from "./verify/verification.ts";

export interface WebhookPorts {
  readonly ports: RunPorts;
  readonly webhooks: Pick<WebhookRoutes, "find">;
  readonly secrets: Secrets;
  readonly metrics: Pick<Metrics, "webhookDeliveries">;
  readonly log: Log;
}

/** What the sender is told. */
export interface WebhookAnswer {
  readonly httpStatus: number;
  readonly body: unknown;
  /** When to send again, ms; 0 = not said. */
  readonly retryDelayMs: number;
}

/** Bytes of a delivery: a run's input holds it and its headers, so somewhat less than a payload. GitHub's are up to 25 MiB; most have 10 KiB. */
export const DELIVERY_BYTES_MAX = 4 * 1024 * 1024 - 128 * 1024;

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;.*)?$/i;

/** `address` is what follows `/webhooks/`. */
export async function deliver(parts: WebhookPorts, address: string, delivery: Delivery): Promise<WebhookAnswer> {
  const answer = await answered(parts, address, delivery);
  parts.metrics.webhookDeliveries.inc({ result: answer.result });
  return answer;
}

/** An answer, and what the metrics call it. */
type Counted = WebhookAnswer & { readonly result: string };

async function answered(parts: WebhookPorts, address: string, delivery: Delivery): Promise<Counted> {
  const route = parts.webhooks.find(address);
  if (route === undefined) return refused("unknown-path", "NOT_FOUND", "No workflow has this webhook path.");
  const verified = await verify(parts, route.trigger, delivery);
  if (verified === undefined) {
    const answer = refused(
      "no-secret",
      "UNAVAILABLE",
      "The webhook's secret cannot be read; the server's log says why.",
    );
    return { ...answer, retryDelayMs: SECRET_RETRY_MS };
  }
  if (verified.type === "forged") return refused("forged", "UNAUTHENTICATED", verified.reason);
  if (!JSON_TYPE.test(delivery.headers["content-type"] ?? "")) {
    const message = "The delivery is not application/json. Set the webhook's content type to application/json.";
    return { ...refused("not-json", "INVALID_ARGUMENT", message), httpStatus: 415 };
  }
  const body = delivery.body.length === 0 ? { offset: 0, reason: "there is no body" } : jsonText(delivery.body);
  if (typeof body !== "string") {
    const message = `The delivery is not UTF-8 JSON: at byte ${body.offset}, ${body.reason}.`;
    return refused("not-json", "INVALID_ARGUMENT", message);
  }
  return start(parts, route, delivery, verified);
}

async function start(
  parts: WebhookPorts,
  route: WebhookRoute,
  delivery: Delivery,
  verified: Extract<Verification, { type: "genuine" }>,
): Promise<Counted> {
  const { path } = route.trigger;
  const { deliveryId } = verified;
  const prepared = await prepareStart(
    parts.ports,
    { tenant: route.tenant, traceparent: traceparentOf(delivery.headers[TRACE_HEADER]) },
    {
      workflow: route.workflow,
      input: runInput(route.trigger, delivery, verified),
      idempotencyKey: deliveryId === "" ? "" : `webhook:${path}:${deliveryId}`,
      version: 0,
      // A repeated delivery brings the same body under other headers: a new time stamp, a new trace.
      hashed: delivery.body,
    },
  );
  const reply = prepared instanceof Refused ? prepared : await submitOne(parts.ports.shards, prepared);
  if (!(reply instanceof Refused)) {
    const result = reply.repeated ? "repeated" : "accepted";
    return { httpStatus: 202, body: { runId: reply.runId }, retryDelayMs: 0, result };
  }
  const { refusal } = reply;
  const { httpStatus, body } = httpAnswerOf(refusal);
  // Senders give up on 4xx: a full disk is the server's trouble, not the sender's pace.
  const told = refusal.code === "DISK_FULL" ? 503 : httpStatus;
  return { httpStatus: told, body, retryDelayMs: refusal.retryDelayMs, result: refusal.code.toLowerCase() };
}

/** `{"body", "headers", "path", "deliveryId", "event"}`; the body goes in as it came. */
function runInput(
  trigger: WebhookTrigger,
  delivery: Delivery,
  verified: Extract<Verification, { type: "genuine" }>,
): Buffer {
  const headers: Record<string, string> = {};
  for (const name of [...verified.headers, ...trigger.headers]) {
    const value = delivery.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const { deliveryId, event } = verified;
  const rest = JSON.stringify({ headers, path: trigger.path, deliveryId, event }).slice(1);
  return Buffer.concat([Buffer.from('{"body":'), delivery.body, Buffer.from(`,${rest}`)]);
}

/** undefined = there is no secret to verify with. */
async function verify(
  parts: WebhookPorts,
  trigger: WebhookTrigger,
  delivery: Delivery,
): Promise<Verification | undefined> {
  const scheme = trigger.verify;
  if (scheme.scheme === "none") return verifyNone(delivery);
  try {
    const secrets = await parts.secrets.resolve(scheme.secret);
    if (scheme.scheme === "github") return verifyGithub(delivery, secrets);
    // A key that could be guessed is as good as none, even beside a sound one.
    for (const secret of secrets) {
      const fault = standardSecretFault(secret);
      if (fault !== undefined) throw new SecretMissing(`A secret of ${scheme.secret} ${fault}.`);
    }
    const { toleranceMs } = scheme;
    return verifyStandardWebhooks(delivery, secrets, { nowMs: parts.ports.clock.nowMs(), toleranceMs });
  } catch (error: unknown) {
    if (!(error instanceof SecretMissing)) throw error;
    parts.log.error("A webhook's secret cannot be had.", { webhookPath: trigger.path, error });
    return undefined;
  }
}

const SECRET_RETRY_MS = 60_000;

function refused(result: string, status: StatusName, message: string): Counted {
  const { grpc, http } = STATUSES[status];
  return { httpStatus: http, body: { code: grpc, message, details: [] }, retryDelayMs: 0, result };
}
