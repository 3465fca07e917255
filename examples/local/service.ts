// A third party for the examples, on loopback: knows who subscribed to a repository, and publishes releases. Like many a
// real one it sometimes fails: every third request is answered 503, and some are slow.
//
//   npx node examples/local/service.ts 7402
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** One request in so many is refused. */
const FAILS_EVERY = 3;

/** One answer in so many, by a seeded sequence, is late by {@link SLOW_MS}. */
const SLOW_ONE_IN = 4;
const SLOW_MS = 400;

const SUBSCRIBERS = 200;

let requests = 0;
let random = Number(process.env["EXAMPLES_SEED"] ?? "1");
/** Releases by idempotency key: a repeated request gets the first answer. */
const releases = new Map<string, number>();
const RELEASES_MAX = 10_000;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  if (request.method === "GET" && url.pathname === "/subscribers") {
    const names = Array.from({ length: SUBSCRIBERS }, (_, index) => `subscriber-${index + 1}`);
    send(response, 200, { subscribers: names.map((name) => ({ name, email: `${name}@example.com` })) });
  } else if (request.method === "POST" && url.pathname === "/releases") {
    const key = String(request.headers["idempotency-key"] ?? "");
    const number = releases.get(key) ?? releases.size + 1;
    if (releases.size < RELEASES_MAX) releases.set(key, number);
    send(response, 201, { release: number });
  } else {
    send(response, 404, { error: "Nothing is here." });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Whether the next answer is a slow one: a linear congruential generator, the same after every start. */
function isSlow(): boolean {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random % SLOW_ONE_IN === 0;
}

const server = createServer((request, response) => {
  request.resume();
  requests += 1;
  if (requests % FAILS_EVERY === 0) send(response, 503, { error: "Overloaded, as every third time." });
  else if (isSlow()) setTimeout(() => answer(request, response), SLOW_MS);
  else answer(request, response);
});

const port = Number(process.argv[2] ?? "7402");
server.listen(port, "127.0.0.1", () => {
  process.stdout.write(`The examples' service listens on http://127.0.0.1:${port}.\n`);
});
for (const event of ["SIGINT", "SIGTERM", "disconnect"]) process.once(event, () => process.exit(0));
