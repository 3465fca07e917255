// The `http` task against real sockets on loopback.
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import type { TaskContext } from "@millrace/sdk/worker/attempt.ts";
import { PermanentError, TransientError } from "@millrace/sdk/worker/task-errors.ts";
import { describe, expect, test } from "vitest";
import { retryAfterMs } from "./http-failures.ts";
import { type HttpAnswer, type HttpTaskOptions, httpTask } from "./http-task.ts";

interface Service extends AsyncDisposable {
  readonly port: number;
  readonly url: string;
  readonly requests: { method: string; url: string; headers: IncomingMessage["headers"]; body: string }[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Service> {
  const requests: Service["requests"] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answer(request, response);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = portOf(server.address());
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A service that says what it wants on the bare socket. */
async function serveBytes(answer: (socket: Socket) => void): Promise<{ readonly url: string } & AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", () => answer(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${portOf(server.address()).port}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function portOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === "string") throw new Error("not a TCP port");
  return address;
}

async function call(
  input: object,
  options: HttpTaskOptions = {},
  signal = new AbortController().signal,
): Promise<HttpAnswer> {
  const task = httpTask({ allow: ["127.0.0.1"], ...options });
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const ctx: TaskContext = {
    runId: "run",
    attempt: 1,
    step: "step",
    item: -1,
    workflow: "workflow",
    tenant: "tenant",
    idempotencyKey: "key-1",
    deadline: new Date(0),
    signal,
    log,
    heartbeat: () => undefined,
  };
  try {
    return await task.handler(input, ctx);
  } finally {
    await task.close();
  }
}

async function failureOf(input: object, options: HttpTaskOptions = {}): Promise<TransientError | PermanentError> {
  try {
    await call(input, options);
  } catch (error: unknown) {
    if (error instanceof TransientError || error instanceof PermanentError) return error;
    throw error;
  }
  throw new Error("The request did not fail.");
}

describe("an answer", () => {
  test("is the output: status, shown headers, body parsed if it is JSON", async () => {
    await using service = await serve((_request, response) => {
      response.writeHead(201, {
        "content-type": "application/json",
        etag: '"1"',
        "set-cookie": "secret=1",
        "x-internal": "no",
      });
      response.end('{"id":7}');
    });
    const answer = await call({
      method: "POST",
      url: `${service.url}/orders`,
      body: { total: 3 },
      query: { dry: true },
    });
    expect(answer).toMatchObject({
      status: 201,
      body: { id: 7 },
      headers: { etag: '"1"', "content-type": "application/json" },
    });
    expect(Object.keys(answer.headers)).not.toContain("set-cookie");
    expect(Object.keys(answer.headers)).not.toContain("x-internal");
    expect(service.requests[0]).toMatchObject({ method: "POST", url: "/orders?dry=true", body: '{"total":3}' });
    expect(service.requests[0]?.headers).toMatchObject({
      "idempotency-key": "key-1",
      "content-type": "application/json",
    });
  });

  test.each([
    ["text/plain", "plain", "plain"],
    ["application/problem+json", '{"a":1}', { a: 1 }],
    ["application/json", "{broken", "{broken"],
    ["application/json", "", null],
    ["", "no type", "no type"],
  ])("of type %j and body %j becomes %j", async (type, body, expected) => {
    await using service = await serve((_request, response) => {
      if (type !== "") response.setHeader("content-type", type);
      response.end(body);
    });
    expect((await call({ url: service.url })).body).toEqual(expected);
    expect(service.requests[0]?.headers["idempotency-key"]).toBeUndefined();
  });

  test("of a status the step expects is no failure", async () => {
    await using service = await serve((_request, response) => {
      response.statusCode = 404;
      response.end();
    });
    expect(await call({ url: service.url, expect: [404] })).toMatchObject({ status: 404, body: null });
    expect(await failureOf({ url: service.url })).toMatchObject({ code: "HTTP_NOT_FOUND" });
  });

  test("larger than the step takes is refused without being read to its end", async () => {
    await using service = await serve((_request, response) => {
      const pour = (): void => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", pour);
      };
      pour();
    });
    const failure = await failureOf({ url: service.url, maxResponseBytes: 100_000 });
    expect(failure).toMatchObject({ code: "HTTP_RESPONSE_TOO_LARGE" });
    expect(failure).toBeInstanceOf(PermanentError);
  });

  test("in an encoding nobody asked for is refused", async () => {
    await using service = await serve((_request, response) => {
      response.writeHead(200, { "content-encoding": "gzip" });
      response.end("zip");
    });
    expect(await failureOf({ url: service.url })).toMatchObject({ code: "HTTP_UNEXPECTED_ANSWER" });
    expect(service.requests[0]?.headers["accept-encoding"]).toBe("identity");
  });
});

describe("a failure says by itself whether to try again", () => {
  test.each([
    [400, "HTTP_BAD_REQUEST", PermanentError],
    [401, "HTTP_UNAUTHORIZED", PermanentError],
    [403, "HTTP_FORBIDDEN", PermanentError],
    [408, "HTTP_TIMEOUT", TransientError],
    [409, "HTTP_CONFLICT", PermanentError],
    [410, "HTTP_GONE", PermanentError],
    [418, "HTTP_BAD_REQUEST", PermanentError],
    [422, "HTTP_BAD_REQUEST", PermanentError],
    [425, "HTTP_TOO_MANY_REQUESTS", TransientError],
    [429, "HTTP_TOO_MANY_REQUESTS", TransientError],
    [500, "HTTP_SERVER_ERROR", TransientError],
    [503, "HTTP_SERVER_ERROR", TransientError],
    [304, "HTTP_UNEXPECTED_ANSWER", PermanentError],
  ])("status %i: %s", async (status, code, kind) => {
    await using service = await serve((_request, response) => {
      response.statusCode = status;
      response.end(status === 304 ? "" : "why it is so");
    });
    const failure = await failureOf({ url: `${service.url}/path?token=secret` });
    expect(failure).toBeInstanceOf(kind);
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(`${service.url}/path answered ${status}`);
    if (status !== 304) expect(failure.message).toContain("why it is so");
    expect(failure.message).not.toContain("secret");
    expect(failure.guidance).not.toBe("");
  });

  test("429 with Retry-After in seconds, and as a date", async () => {
    await using service = await serve((request, response) => {
      const inAMinute = new Date(Date.now() + 60_000).toUTCString();
      response.writeHead(429, { "retry-after": request.url === "/date" ? inAMinute : "7" });
      response.end();
    });
    expect(await failureOf({ url: service.url })).toMatchObject({ retryAfterMs: 7_000 });
    const dated = await failureOf({ url: `${service.url}/date` });
    expect(dated).toHaveProperty("retryAfterMs", expect.closeTo(58_000, -4));
  });

  test("Retry-After that says nothing, or the past", () => {
    expect(retryAfterMs("")).toBe(0);
    expect(retryAfterMs("-5")).toBe(0);
    expect(retryAfterMs("soon")).toBe(0);
    expect(retryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT")).toBe(0);
    expect(retryAfterMs("Wed, 21 Oct 2015 07:28:00 GMT", Date.UTC(2015, 9, 21, 7, 27))).toBe(60_000);
  });

  test("a port where nothing listens", async () => {
    const service = await serve(() => undefined);
    await service[Symbol.asyncDispose]();
    const failure = await failureOf({ url: service.url });
    expect(failure).toMatchObject({ code: "HTTP_CONNECTION_REFUSED" });
    expect(failure).toBeInstanceOf(TransientError);
  });

  test.each([
    ["before the answer", ""],
    ["in the middle of the body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"],
    ["in the middle of a chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n64\r\nhalf"],
    ["with something that is not HTTP", "SSH-2.0-OpenSSH\r\n\r\n"],
  ])("a connection reset %s", async (_when, bytes) => {
    await using service = await serveBytes((socket) => {
      if (bytes === "") socket.resetAndDestroy();
      else socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy()));
    });
    const failure = await failureOf({ url: service.url });
    expect(failure).toMatchObject({ code: "HTTP_CONNECTION_RESET" });
    expect(failure).toBeInstanceOf(TransientError);
  });

  test.each([
    ["headers", ""],
    ["a body", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"],
  ])("a service that is slow with %s", async (_what, bytes) => {
    await using service = await serveBytes((socket) => socket.write(bytes));
    const failure = await failureOf({ url: service.url, timeoutMs: 50 });
    expect(failure).toMatchObject({ code: "HTTP_TIMEOUT" });
    expect(failure).toBeInstanceOf(TransientError);
  });

  test("a name that does not resolve", async () => {
    const resolveHost = async (): Promise<string[]> => {
      throw Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    };
    expect(await failureOf({ url: "http://nowhere.example" }, { resolveHost })).toMatchObject({ code: "HTTP_DNS" });
  });

  test("TLS with a service that speaks none", async () => {
    await using service = await serveBytes((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const failure = await failureOf({ url: service.url.replace("http:", "https:") });
    expect(failure).toMatchObject({ code: "HTTP_TLS" });
  });

  test("stops at once when the attempt is cancelled", async () => {
    const controller = new AbortController();
    await using service = await serveBytes(() => controller.abort(new Error("cancelled")));
    await expect(call({ url: service.url }, {}, controller.signal)).rejects.toThrow();
  });
});

describe("private addresses are refused", () => {
  test.each([
    "http://127.0.0.1:1/",
    "http://127.1:1/",
    "http://2130706433:1/",
    "http://0x7f000001:1/",
    "http://0x7f.0.0.1:1/",
    "http://0177.0.0.1:1/",
    "http://0:1/",
    "http://[::1]:1/",
    "http://[::]:1/",
    "http://[::ffff:127.0.0.1]:1/",
    "http://[::ffff:7f00:1]:1/",
    "http://[64:ff9b::7f00:1]:1/",
    "http://[fd00::1]:1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://localhost:1/",
    "http://127.0.0.1.:1/",
    "http://１２７.0.0.1:1/",
  ])("%s", async (url) => {
    const failure = await failureOf({ url }, { allow: [], resolveHost: async () => ["127.0.0.1"] });
    expect(failure).toMatchObject({ code: "HTTP_ADDRESS_REFUSED" });
    expect(failure).toBeInstanceOf(PermanentError);
  });

  test("also when the name resolves to one, and no byte is sent", async () => {
    await using service = await serve((_request, response) => response.end());
    const url = `http://innocent.example:${service.port}/`;
    const failure = await failureOf({ url }, { allow: [], resolveHost: async () => ["127.0.0.1"] });
    expect(failure).toMatchObject({ code: "HTTP_ADDRESS_REFUSED" });
    expect(service.requests).toEqual([]);
  });

  test("unless allowed; the connection goes to the address that was checked (DNS rebinding)", async () => {
    await using service = await serve((_request, response) => response.end("here"));
    const answers = [["127.0.0.1"], ["169.254.169.254"]];
    let asked = 0;
    const resolveHost = async (): Promise<string[]> => answers[asked++] ?? [];
    const answer = await call({ url: `http://service.example:${service.port}/` }, { resolveHost });
    expect(answer.body).toBe("here");
    expect(asked).toBe(1);
    expect(service.requests[0]?.headers.host).toBe(`service.example:${service.port}`);
  });

  test("and Millrace's own ports are, whatever is allowed, also behind a name or a redirect", async () => {
    await using millrace = await serve((_request, response) => response.end("{}"));
    await using service = await serve((_request, response) => {
      response.writeHead(307, { location: `${millrace.url}/millrace.v1.RunService/StartRun` });
      response.end();
    });
    const resolveHost = async (): Promise<string[]> => ["127.0.0.1"];
    const options = { allow: ["0.0.0.0/0", `127.0.0.1:${millrace.port}`], ownPorts: [millrace.port], resolveHost };
    for (const url of [millrace.url, `http://innocent.example:${millrace.port}`, service.url]) {
      expect(await failureOf({ method: "POST", url, body: {} }, options)).toMatchObject({
        code: "HTTP_ADDRESS_REFUSED",
        message: expect.stringContaining("Millrace's own"),
      });
    }
    expect(millrace.requests).toEqual([]);
    expect(service.requests).toHaveLength(1);
  });

  test("a name with a private and an allowed address goes to the allowed one", async () => {
    await using service = await serve((_request, response) => response.end("here"));
    const resolveHost = async (): Promise<string[]> => ["10.0.0.1", "127.0.0.1"];
    expect((await call({ url: `http://service.example:${service.port}/` }, { resolveHost })).body).toBe("here");
  });

  test("the next address of a name is tried when one does not answer", async () => {
    await using service = await serve((_request, response) => response.end("here"));
    const resolveHost = async (): Promise<string[]> => ["127.0.0.2", "127.0.0.1"];
    const url = `http://service.example:${service.port}/`;
    expect((await call({ url }, { resolveHost, allow: ["127.0.0.0/8"] })).body).toBe("here");
  });
});

describe("redirects", () => {
  const redirecting = (location: (path: string) => string, status = 302): Promise<Service> =>
    serve((request, response) => {
      if (request.url === "/end") {
        response.end("end");
        return;
      }
      response.writeHead(status, { location: location(request.url ?? "") });
      response.end("moved");
    });

  test("are followed, at most five", async () => {
    await using service = await redirecting((path) => {
      const left = Number(path.slice(1));
      return left === 1 ? "/end" : `/${left - 1}`;
    });
    expect((await call({ url: `${service.url}/5` })).body).toBe("end");
    expect(await failureOf({ url: `${service.url}/6` })).toMatchObject({ code: "HTTP_TOO_MANY_REDIRECTS" });
  });

  test("with an endless body are followed all the same", async () => {
    await using service = await serve((request, response) => {
      if (request.url === "/end") {
        response.end("end");
        return;
      }
      response.writeHead(302, { location: "/end" });
      const pour = (): void => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", pour);
      };
      pour();
    });
    expect((await call({ url: service.url, maxResponseBytes: 1_000 })).body).toBe("end");
  });

  test("are an answer when the step says so", async () => {
    await using service = await redirecting(() => "/end");
    const answer = await call({ url: `${service.url}/go`, followRedirects: false });
    expect(answer).toMatchObject({ status: 302, headers: { location: "/end" }, body: "moved" });
    expect((await call({ url: `${service.url}/go`, expect: [302] })).status).toBe(302);
  });

  test.each([
    "http://127.0.0.2:1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]:1/",
    "http://0x7f000002:1/",
    "//localhost:1/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:1/",
  ])("to %s are refused", async (location) => {
    await using service = await redirecting(() => location);
    const failure = await failureOf({ url: `${service.url}/go` }, { resolveHost: async () => ["127.0.0.2"] });
    expect(failure).toMatchObject({ code: "HTTP_ADDRESS_REFUSED" });
  });

  test.each([
    [302, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [307, "POST", "POST", '"x"'],
    [308, "PUT", "PUT", '"x"'],
  ])("%i of a %s becomes a %s", async (status, method, expected, body) => {
    await using service = await redirecting(() => "/end", status);
    await call({ url: `${service.url}/go`, method, body: "x" });
    expect(service.requests[1]).toMatchObject({ method: expected, body });
    expect(service.requests[1]?.headers["idempotency-key"]).toBe(expected === "GET" ? undefined : "key-1");
  });

  test("to another origin lose everything that could be a credential", async () => {
    await using target = await serve((_request, response) => response.end());
    await using service = await redirecting((path) => (path === "/away" ? `${target.url}/end` : "/end"));
    const headers = { authorization: "Bearer secret", cookie: "a=b", "x-api-key": "secret", accept: "text/x" };
    await call({ url: `${service.url}/near`, headers });
    expect(service.requests[1]?.headers).toMatchObject(headers);
    await call({ url: `${service.url}/away`, headers });
    expect(target.requests[0]?.headers).toMatchObject({ accept: "text/x" });
    expect(JSON.stringify(target.requests[0]?.headers)).not.toMatch(/secret|a=b/);
  });
});

test("a key of one's own is kept", async () => {
  await using service = await serve((_request, response) => response.end());
  await call({ url: service.url, method: "POST", headers: { "Idempotency-Key": "mine" } });
  expect(service.requests[0]?.headers["idempotency-key"]).toBe("mine");
});
