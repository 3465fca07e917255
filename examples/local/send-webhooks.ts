// Sends real webhook bodies of GitHub, signed as GitHub signs them, and prints the run that each started.
//
//   GITHUB_WEBHOOK_SECRET=… npx node examples/local/send-webhooks.ts [url] [count]
import { createHmac, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";

interface Delivery {
  readonly event: string;
  readonly body: Buffer;
}

/** Events that the workflow's branches tell apart, and others. Each has a repository and a sender. */
const EVENTS = ["issues", "push", "pull_request", "star", "release", "issue_comment"];

/** One of the bodies of each event in turn: the first, then the second, and so on. */
async function deliveries(count: number): Promise<Delivery[]> {
  const file = new URL(import.meta.resolve("@octokit/webhooks-examples/api.github.com/index.json"));
  const kinds: unknown = JSON.parse(await readFile(file, "utf8"));
  const bodies = new Map(list(kinds).map((kind) => [String(field(kind, "name")), list(field(kind, "examples"))]));
  return Array.from({ length: count }, (_, index) => {
    const event = EVENTS[index % EVENTS.length] ?? "push";
    const samples = bodies.get(event) ?? [];
    const sample = samples[Math.floor(index / EVENTS.length) % samples.length];
    return { event, body: Buffer.from(JSON.stringify(sample)) };
  });
}

/** Posts a delivery; the run's ID once it is durable. */
async function send(url: string, secret: string, { event, body }: Delivery): Promise<string> {
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${signature}`,
    },
    body: new Uint8Array(body),
  });
  const answer: unknown = await response.json();
  if (response.status !== 202) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`);
  return String(field(answer, "runId"));
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const [url = "http://127.0.0.1:7401/webhooks/github", count = "6"] = process.argv.slice(2);
const secret = process.env["GITHUB_WEBHOOK_SECRET"] ?? "";
if (secret === "") {
  process.stderr.write("GITHUB_WEBHOOK_SECRET is not set: give the secret that the server verifies with.\n");
  process.exit(2);
}
for (const delivery of await deliveries(Number(count))) {
  const runId = await send(url, secret, delivery);
  process.stdout.write(`${runId}\t${delivery.event}\t${delivery.body.length} bytes\n`);
}
