// The built-in `http` task: one request, redirects followed, the answer as the step's output.
import type { TaskContext } from "@millrace/sdk/worker/attempt.ts";
import { Agent } from "undici";
import { AddressRules } from "./address-rules.ts";
import { guardedConnect, type ResolveHost } from "./guarded-connect.ts";
import { exchangeFailure, requestFailure, statusFailure } from "./http-failures.ts";
import { type HttpRequest, redirectUrl, requestOf } from "./request-input.ts";

export interface HttpTaskOptions {
  /**
   * What may be called beside public addresses: `127.0.0.1`, `10.0.0.0/8`, `localhost:8080`, `[::1]:8080`. Without a port:
   * all ports. @default none
   */
  readonly allow?: readonly string[];
  /**
   * Ports of this machine that are never called, whatever `allow` says: those of the server, which trusts whoever calls it
   * from here. @default none
   */
  readonly ownPorts?: readonly number[];
  /** How host names become addresses. @default the system's resolver */
  readonly resolveHost?: ResolveHost;
}

/** The output of an `http` step. */
export interface HttpAnswer {
  readonly status: number;
  /** Those of {@link SHOWN_HEADERS} that came, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed if it is JSON, else text; null if there is none. */
  readonly body: unknown;
}

export interface HttpTask {
  readonly handler: (input: unknown, ctx: TaskContext) => Promise<HttpAnswer>;
  /** Ends the connections that are kept for reuse. */
  close(): Promise<void>;
}

/** How many redirects are followed. */
const REDIRECTS_MAX = 5;

/** How long a connection without requests is kept, ms. */
const KEEP_ALIVE_MS = 10_000;

/** Most bytes of an answer's headers. */
const HEADER_BYTES_MAX = 32 * 1024;

/** Response headers that steps may want; others, above all cookies, stay out of histories. */
const SHOWN_HEADERS: readonly string[] = [
  "cache-control",
  "content-disposition",
  "content-language",
  "content-length",
  "content-type",
  "date",
  "etag",
  "last-modified",
  "link",
  "location",
  "ratelimit-limit",
  "ratelimit-remaining",
  "ratelimit-reset",
  "request-id",
  "retry-after",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "x-request-id",
  "x-total-count",
];

/** What goes along to another origin: nothing that could be a credential. */
const TRAVELLING_HEADERS: ReadonlySet<string> = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/** Methods that change nothing: repeating them needs no key. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The `http` task type. Throws RangeError for an `allow` entry that is none. */
export function httpTask(options: HttpTaskOptions = {}): HttpTask {
  const agent = new Agent({
    connect: guardedConnect(new AddressRules(options.allow ?? [], options.ownPorts), options.resolveHost),
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // One clock for the whole exchange, below; a slow trickle must not reset it.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return { handler: (input, ctx) => perform(agent, requestOf(input), ctx), close: () => agent.destroy() };
}

async function perform(agent: Agent, asked: HttpRequest, ctx: TaskContext): Promise<HttpAnswer> {
  const headers = { "user-agent": "millrace-http", accept: "*/*", ...asked.headers, "accept-encoding": "identity" };
  const keyed = SAFE_METHODS.has(asked.method) || "idempotency-key" in headers;
  let request: HttpRequest = {
    ...asked,
    headers: keyed ? headers : { ...headers, "idempotency-key": ctx.idempotencyKey },
  };
  const timeout = AbortSignal.timeout(asked.timeoutMs);
  const signal = AbortSignal.any([timeout, ctx.signal]);
  try {
    for (let redirects = 0; ; redirects++) {
      const received = await exchange(agent, request, signal);
      const next = redirectOf(request, received);
      if (next === undefined) return outputOf(request, received);
      if (redirects === REDIRECTS_MAX) {
        throw requestFailure(asked, "HTTP_TOO_MANY_REDIRECTS", `redirected over ${REDIRECTS_MAX} times.`);
      }
      request = next;
    }
  } catch (error: unknown) {
    if (timeout.aborted && !ctx.signal.aborted) {
      throw requestFailure(request, "HTTP_TIMEOUT", `did not answer within ${asked.timeoutMs} ms.`);
    }
    throw error;
  }
}

/** What came back, body included: a body that is not read to its end has nobody to hear of its errors. */
interface Received {
  readonly status: number;
  readonly header: (name: string) => string;
  readonly text: string;
  /** Whether `text` is all of it. */
  readonly complete: boolean;
}

async function exchange(agent: Agent, request: HttpRequest, signal: AbortSignal): Promise<Received> {
  const { url, method, headers, body } = request;
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body,
      signal,
    });
    const header = (name: string): string => {
      const value = answer.headers[name];
      return (Array.isArray(value) ? value.join(", ") : value) ?? "";
    };
    return { status: answer.statusCode, header, ...(await readText(answer.body, request.maxResponseBytes)) };
  } catch (error: unknown) {
    throw exchangeFailure(request, error);
  }
}

/** The body as far as it is allowed to go; the rest is not fetched. */
async function readText(body: AsyncIterable<unknown>, bytesMax: number): Promise<Pick<Received, "text" | "complete">> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) break;
  }
  return { text: Buffer.concat(chunks).toString(), complete: bytes <= bytesMax };
}

/** The request that an answer redirects to; undefined if it is an answer to keep. */
function redirectOf(request: HttpRequest, { status, header }: Received): HttpRequest | undefined {
  const location = header("location");
  if (!request.followRedirects || !REDIRECT_STATUSES.has(status) || location === "") return undefined;
  if (request.expect?.includes(status) === true) return undefined;
  const url = redirectUrl(location, request.url);
  if (url === undefined) {
    const target = `redirected to ${location.slice(0, 256)}, which is not http or https.`;
    throw requestFailure(request, "HTTP_ADDRESS_REFUSED", target);
  }
  // As browsers do: 303 always becomes a GET, 301 and 302 do for POST; 307 and 308 repeat the request.
  const becomesGet = status === 303 ? request.method !== "HEAD" : status < 303 && request.method === "POST";
  const sameOrigin = url.origin === request.url.origin;
  const kept = Object.entries(request.headers).filter(([name]) => {
    if (becomesGet && (name === "content-type" || name === "idempotency-key")) return false;
    return sameOrigin || name === "accept-encoding" || TRAVELLING_HEADERS.has(name);
  });
  const headers = Object.fromEntries(kept);
  return becomesGet ? { ...request, url, headers, method: "GET", body: null } : { ...request, url, headers };
}

function outputOf(request: HttpRequest, { status, header, text, complete }: Received): HttpAnswer {
  const expected = request.expect?.includes(status) ?? (status < 300 || (!request.followRedirects && status < 400));
  if (!expected) throw statusFailure(request, { status, retryAfter: header("retry-after"), text });
  if (!complete) {
    throw requestFailure(request, "HTTP_RESPONSE_TOO_LARGE", `answered with over ${request.maxResponseBytes} bytes.`);
  }
  const encoding = header("content-encoding");
  if (encoding !== "" && encoding !== "identity" && text !== "") {
    throw requestFailure(
      request,
      "HTTP_UNEXPECTED_ANSWER",
      `answered in the encoding ${encoding}; none was asked for.`,
    );
  }
  const headers: Record<string, string> = {};
  for (const name of SHOWN_HEADERS) {
    const value = header(name);
    if (value !== "") headers[name] = value;
  }
  return { status, headers, body: bodyOf(text, header("content-type")) };
}

function bodyOf(text: string, contentType: string): unknown {
  if (text === "") return null;
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) return text;
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    // A server that mislabels its text: the step sees what came.
    return text;
  }
}
