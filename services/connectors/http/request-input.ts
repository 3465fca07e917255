// A step's input for the `http` task, checked: every field is what it says, and nothing in it can add a header or a request.
import { PermanentError } from "@millrace/sdk/worker/task-errors.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export type HttpMethod = (typeof METHODS)[number];

export interface HttpRequest {
  readonly method: HttpMethod;
  /** http or https, without credentials; the query already added. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  readonly timeoutMs: number;
  /** Statuses that count as success; null = 200 to 299, and 3xx when redirects are not followed. */
  readonly expect: readonly number[] | null;
  readonly maxResponseBytes: number;
  readonly followRedirects: boolean;
}

/** How long a request may take in all, redirects included, unless the step says otherwise, ms. */
const TIMEOUT_MS_DEFAULT = 30_000;
const TIMEOUT_MS_MAX = 3_600_000;

/** The largest response unless the step says otherwise, bytes. */
const RESPONSE_BYTES_DEFAULT = 1024 * 1024;

/** A larger response could not be a step's output. */
const RESPONSE_BYTES_MAX = 4_000_000;

const URL_CHARACTERS_MAX = 16_384;
const HEADERS_MAX = 100;
const EXPECT_MAX = 100;

const FIELDS: ReadonlySet<string> = new Set([
  "method",
  "url",
  "headers",
  "query",
  "body",
  "text",
  "timeoutMs",
  "expect",
  "maxResponseBytes",
  "followRedirects",
]);

/** What HTTP itself sets; from outside it could end the request early or begin another one. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;

/** The request that a step's input describes. Throws PermanentError HTTP_INPUT_INVALID, naming the field and the fix. */
export function requestOf(input: unknown): HttpRequest {
  if (!isObject(input)) throw invalid("with", "must be an object with a url", "Write with: { url: … }.");
  for (const field of Object.keys(input)) {
    if (!FIELDS.has(field)) throw invalid(field, "is not a field of http", `Use ${[...FIELDS].join(", ")}.`);
  }
  const method = methodOf(input["method"]);
  const headers = headersOf(input["headers"]);
  const body = bodyOf(input, method, headers);
  return {
    method,
    url: urlOf(input["url"], input["query"]),
    headers,
    body,
    timeoutMs: numberOf(input["timeoutMs"], { field: "timeoutMs", max: TIMEOUT_MS_MAX, fallback: TIMEOUT_MS_DEFAULT }),
    expect: expectOf(input["expect"]),
    maxResponseBytes: numberOf(input["maxResponseBytes"], {
      field: "maxResponseBytes",
      max: RESPONSE_BYTES_MAX,
      fallback: RESPONSE_BYTES_DEFAULT,
    }),
    followRedirects: flagOf(input["followRedirects"]),
  };
}

/** A redirect's target. Undefined if it is no address that a request may go to. */
export function redirectUrl(location: string, base: URL): URL | undefined {
  const url = URL.parse(location, base.href);
  if (url === null || !isWeb(url)) return undefined;
  url.username = "";
  url.password = "";
  return url;
}

function methodOf(value: unknown): HttpMethod {
  const name = value === undefined ? "GET" : typeof value === "string" ? value.toUpperCase() : "";
  const method = METHODS.find((known) => known === name);
  if (method === undefined) throw invalid("method", `is ${show(value)}`, `Use ${METHODS.join(", ")}.`);
  return method;
}

function urlOf(value: unknown, query: unknown): URL {
  const fix = "Write an absolute http or https URL.";
  if (typeof value !== "string") throw invalid("url", `is ${show(value)}`, fix);
  if (value.length > URL_CHARACTERS_MAX) {
    throw invalid("url", `has ${value.length} characters; at most ${URL_CHARACTERS_MAX}`, "Send data in the body.");
  }
  const url = URL.parse(value);
  if (url === null || !isWeb(url)) throw invalid("url", `is ${show(value)}`, fix);
  if (url.username !== "" || url.password !== "") {
    throw invalid("url", "holds credentials, which would show in timelines", "Send them in an authorization header.");
  }
  url.hash = "";
  if (query === undefined || query === null) return url;
  if (!isObject(query)) throw invalid("query", `is ${show(query)}`, "Write an object of names and values.");
  for (const [name, values] of Object.entries(query)) {
    for (const one of Array.isArray(values) ? values : [values]) {
      if (one === null) continue;
      if (typeof one !== "string" && typeof one !== "number" && typeof one !== "boolean") {
        throw invalid(`query.${name}`, `is ${show(one)}`, "Use a string, a number, a boolean, or a list of these.");
      }
      url.searchParams.append(name, String(one));
    }
  }
  return url;
}

function isWeb(url: URL): boolean {
  return (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" && url.port !== "0";
}

function headersOf(value: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (value === undefined || value === null) return headers;
  if (!isObject(value)) throw invalid("headers", `is ${show(value)}`, "Write an object of names and values.");
  const entries = Object.entries(value);
  if (entries.length > HEADERS_MAX) throw invalid("headers", `has over ${HEADERS_MAX} entries`, "Send fewer headers.");
  for (const [name, content] of entries) {
    const field = `headers.${name.slice(0, 64)}`;
    const lower = name.toLowerCase();
    if (!HEADER_NAME.test(name)) throw invalid(field, "is not a header's name", "Use letters, digits and -.");
    if (OWN_HEADERS.has(lower)) throw invalid(field, "is set by the connector itself", "Leave the header out.");
    const text = typeof content === "number" || typeof content === "boolean" ? String(content) : content;
    if (typeof text !== "string" || !HEADER_VALUE.test(text)) {
      throw invalid(
        field,
        "has a value with characters a header cannot hold",
        "Use one line of Latin-1 text, at most 8,192 characters.",
      );
    }
    headers[lower] = text;
  }
  return headers;
}

function bodyOf(input: object, method: HttpMethod, headers: Record<string, string>): string | null {
  const json: unknown = "body" in input ? input.body : undefined;
  const text: unknown = "text" in input ? input.text : undefined;
  if (json === undefined && text === undefined) return null;
  if (json !== undefined && text !== undefined) throw invalid("text", "stands beside body", "Send one of the two.");
  if (method === "GET" || method === "HEAD") {
    throw invalid(
      json === undefined ? "text" : "body",
      `cannot go with ${method}`,
      "Use POST, PUT or PATCH, or send a query.",
    );
  }
  if (text !== undefined && typeof text !== "string")
    throw invalid("text", `is ${show(text)}`, "Write a string, or use body.");
  headers["content-type"] ??= text === undefined ? "application/json" : "text/plain; charset=utf-8";
  return typeof text === "string" ? text : JSON.stringify(json);
}

function expectOf(value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const statuses = list.filter((one) => typeof one === "number").filter((one) => Number.isInteger(one));
  const sound = statuses.length === list.length && statuses.every((status) => status >= 200 && status <= 599);
  if (sound && list.length >= 1 && list.length <= EXPECT_MAX) return statuses;
  throw invalid("expect", `is ${show(value)}`, `Write a list of 1 to ${EXPECT_MAX} statuses from 200 to 599.`);
}

function numberOf(value: unknown, bound: { field: string; max: number; fallback: number }): number {
  if (value === undefined || value === null) return bound.fallback;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= bound.max) return value;
  throw invalid(bound.field, `is ${show(value)}`, `Write a whole number from 1 to ${bound.max}.`);
}

function flagOf(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "boolean") return value;
  throw invalid("followRedirects", `is ${show(value)}`, "Write true or false.");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? "missing" : JSON.stringify(value).slice(0, 128);
}

function invalid(field: string, problem: string, fix: string): PermanentError {
  return new PermanentError("HTTP_INPUT_INVALID", `${field} ${problem}.`, fix);
}
