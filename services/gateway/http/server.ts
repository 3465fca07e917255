// JSON over HTTP: the API, webhooks, health and metrics. On node:http rather than a framework: loading and starting
// fastify took 85 to 95 ms of a start-up that has 500, and of it only routing would be used.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { RunServiceService as Runs } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { WorkerServiceService as Workers } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { REQUEST_BYTES_MAX } from "@millrace/rpc/limits.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";
import { DeadlinePassed, Refused } from "../calls/call.ts";
import type { UnaryCalls } from "../calls/rpcs.ts";
import type { ReadPorts } from "../runs/read-runs.ts";
import { DELIVERY_BYTES_MAX, deliver, type WebhookPorts } from "../webhooks/deliver.ts";
import { sendFailure, sendJson, sendStatus, sendText } from "./answers.ts";
import { contextOf } from "./call-context.ts";
import { type JsonCall, jsonCalls } from "./json-calls.ts";
import { isLoopback, strangerAtLoopback } from "./local-callers.ts";
import { BodyReader } from "./read-body.ts";
import { serveWatch } from "./watch-events.ts";

export interface HttpParts extends WebhookPorts {
  readonly ports: ReadPorts;
  readonly calls: UnaryCalls;
  readonly metrics: Pick<Metrics, "webhookDeliveries" | "contentType" | "expose">;
  readonly log: Log;
}

export interface HttpServer {
  readonly port: number;
  /** /readyz answers 503 from now on; calls still work. */
  drain(): void;
  /** Takes no new connection, and waits `graceMs` for open calls before it breaks them. */
  stop(graceMs: number): Promise<void>;
}

/** Connections at once; beyond them new ones are closed. */
const CONNECTIONS_MAX = 10_000;
/** How long a request may take to arrive in full. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than proxies keep an idle connection, so that they close it first. */
const KEEP_ALIVE_MS = 75_000;

const WEBHOOKS = "/webhooks/";
/** Both directions stream, which HTTP/1.1 with JSON cannot. */
const GRPC_ONLY: ReadonlySet<string> = new Set([Runs.submitRuns.path, Workers.connect.path]);
const JSON_TYPE = /^application\/json(?:\s*;.*)?$/i;

/** Starts serving. Rejects when the address cannot be had. */
export async function startHttpServer(
  parts: HttpParts,
  listen: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const handler = new HttpHandler(parts, isLoopback(listen.host));
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => handler.handle(request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  const port = await bind(server, listen);
  return {
    port,
    drain: () => {
      handler.ready = false;
    },
    stop: (graceMs) => close(server, graceMs),
  };
}

class HttpHandler {
  ready = true;
  readonly #parts: HttpParts;
  readonly #calls: ReadonlyMap<string, JsonCall>;
  readonly #bodies = new BodyReader();

  /** Whether only callers of this machine can be meant. */
  readonly #localOnly: boolean;

  constructor(parts: HttpParts, localOnly: boolean) {
    this.#parts = parts;
    this.#localOnly = localOnly;
    this.#calls = jsonCalls(parts.calls);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on("error", () => undefined);
    this.#route(request, response).catch((error: unknown) => {
      this.#parts.log.error("A request failed inside the gateway.", { method: request.url ?? "", error });
      if (response.headersSent) response.destroy();
      else sendStatus(response, "INTERNAL", "Something broke inside Millrace; its log says what.");
    });
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = pathOf(request);
    const { host, origin } = request.headers;
    const stranger = this.#localOnly ? strangerAtLoopback({ host, origin }) : undefined;
    if (stranger !== undefined) {
      sendStatus(response, "PERMISSION_DENIED", stranger);
      return;
    }
    if (request.method === "GET" || request.method === "HEAD") {
      await this.#look(path, response);
      return;
    }
    const call = this.#calls.get(path);
    const webhook = path.startsWith(WEBHOOKS);
    if (call === undefined && !webhook && path !== Runs.watchRun.path) {
      if (GRPC_ONLY.has(path)) sendStatus(response, "UNIMPLEMENTED", `${path} streams both ways: call it over gRPC.`);
      else sendStatus(response, "NOT_FOUND", `Nothing is served at ${path}.`);
      return;
    }
    if (request.method !== "POST") {
      sendStatus(response, "UNIMPLEMENTED", `${request.method ?? ""} is not served here; use POST.`, 405);
      return;
    }
    const body = await this.#body(request, response, webhook ? DELIVERY_BYTES_MAX : REQUEST_BYTES_MAX);
    if (body === undefined) return;
    if (webhook) await this.#deliver(path.slice(WEBHOOKS.length), { request, response, body });
    else await this.#call(call, { request, response, body });
  }

  async #look(path: string, response: ServerResponse): Promise<void> {
    switch (path) {
      case "/livez":
      case "/startupz":
        sendText(response, 200, "ok\n");
        return;
      case "/readyz":
        sendText(response, this.ready ? 200 : 503, this.ready ? "ok\n" : "stopping\n");
        return;
      case "/metrics":
        sendText(response, 200, await this.#parts.metrics.expose(), this.#parts.metrics.contentType);
        return;
      default:
        sendStatus(response, "NOT_FOUND", `Nothing is served at ${path}; calls are made with POST.`);
    }
  }

  async #body(request: IncomingMessage, response: ServerResponse, bytesMax: number): Promise<Buffer | undefined> {
    const read = await this.#bodies.read(request, bytesMax);
    if (read.type === "body") return read.bytes;
    if (read.type === "gone") return undefined;
    // The rest of the body is not read: the connection cannot be used again.
    response.setHeader("connection", "close");
    if (read.type === "too-large") {
      sendStatus(
        response,
        "INVALID_ARGUMENT",
        `The body has more than ${bytesMax} bytes, the most that is taken.`,
        413,
      );
    } else {
      sendJson(
        response,
        503,
        JSON.stringify({ code: 14, message: "Too much is being sent at once.", details: [] }),
        1_000,
      );
    }
    return undefined;
  }

  async #call(call: JsonCall | undefined, { request, response, body }: Exchange): Promise<void> {
    if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
      sendStatus(
        response,
        "INVALID_ARGUMENT",
        "The content-type is not application/json; send the request as JSON.",
        415,
      );
      return;
    }
    const { context, done } = contextOf(request, response, call === undefined ? "stream" : "unary");
    if (context instanceof Refused) {
      sendFailure(response, context);
      return;
    }
    try {
      if (call === undefined) {
        await serveWatch(this.#parts.ports, body.toString("utf8"), context, response);
        return;
      }
      const outcome = await call(body.toString("utf8"), context);
      if (outcome instanceof Refused || outcome instanceof DeadlinePassed) sendFailure(response, outcome);
      else sendJson(response, 200, outcome);
    } finally {
      done();
    }
  }

  async #deliver(address: string, { request, response, body }: Exchange): Promise<void> {
    const answer = await deliver(this.#parts, address, { headers: headersOf(request), body });
    sendJson(response, answer.httpStatus, JSON.stringify(answer.body), answer.retryDelayMs);
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Buffer;
}

/** The address without its query. */
function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

/** One value a header; repeated ones are joined as HTTP says. */
function headersOf(request: IncomingMessage): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

function bind(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
