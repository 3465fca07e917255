import { createHmac } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { tenantId } from "@millrace/model/ids.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { done } from "../testdata/fake-shards.ts";
import { definitionOf } from "../testdata/make-run.ts";
import { register, type ServedGateway, serveGateway } from "../testdata/served-gateway.ts";
import { WebhookRoutes } from "./routes.ts";
import { SecretMissing, Secrets } from "./secrets.ts";

const SECRET = "it's a secret to everybody";
const folder = mkdtempSync(join(tmpdir(), "webhooks-"));
const secretFile = join(folder, "secret");
writeFileSync(secretFile, `an older one\n${SECRET}\n`);
afterAll(() => rmSync(folder, { recursive: true }));

const flow = (name: string, webhook: string) => `
name: ${name}
on: { webhook: ${webhook} }
steps:
  a: { uses: t }
`;

let served: ServedGateway;
beforeAll(async () => {
  served = await serveGateway();
  const github = `{ path: hub, verify: { scheme: github, secret: "file:${secretFile}" }, headers: [x-kept] }`;
  await register(served.registry, flow("hub", github));
  await register(served.registry, flow("hub", github), "acme");
  await register(
    served.registry,
    flow("lost", `{ path: lost, verify: { scheme: github, secret: "env:NOT_SET_ANYWHERE" } }`),
  );
});
afterAll(() => served.close());
beforeEach(() => {
  served.shards.handed.length = 0;
  served.shards.reply = done;
});

const lastStart = (): StartRun | undefined =>
  served.shards.handed.flatMap(({ envelope: { command } }) => (command.type === "start" ? [command] : [])).at(-1);

async function post(path: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(`${served.gateway.httpAddress}/webhooks/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  const parsed: unknown = await response.json();
  return { status: response.status, headers: response.headers, body: parsed };
}

const githubHeaders = (body: string, over: Record<string, string> = {}) => ({
  "x-hub-signature-256": `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
  "x-github-delivery": "d-1",
  "x-github-event": "push",
  "x-kept": "kept",
  "x-dropped": "dropped",
  ...over,
});

describe("a delivery", () => {
  it("starts a run with its body untouched and only allowed headers", async () => {
    const body = '{ "a" : 1.0, "z":"ä" }';
    const answer = await post("hub", body, githubHeaders(body));
    const start = lastStart();
    expect(answer).toMatchObject({ status: 202, body: { runId: start?.runId } });
    expect(start).toMatchObject({ tenant: "default", workflow: "hub", idempotencyKey: "webhook:hub:d-1" });
    const input = typeof start?.input === "string" ? start.input : "";
    expect(input.startsWith(`{"body":${body},`)).toBe(true);
    expect(JSON.parse(input)).toEqual({
      body: { a: 1, z: "ä" },
      headers: { "x-github-event": "push", "x-github-delivery": "d-1", "x-kept": "kept" },
      path: "hub",
      deliveryId: "d-1",
      event: "push",
    });
  });

  it("I1: is answered 202 only when the start is durable", async () => {
    served.shards.reply = () => undefined;
    let answered = false;
    const answer = post("hub", "{}", githubHeaders("{}")).then((each) => {
      answered = true;
      return each;
    });
    await expect.poll(() => served.shards.handed.length).toBe(1);
    expect(answered).toBe(false);
    const [handed] = served.shards.handed;
    if (handed === undefined) throw new Error("a start was handed in");
    handed.origin.replied([done(handed.envelope)]);
    expect((await answer).status).toBe(202);
  });

  it("I3: is the same start when it comes again with other headers, and not with another body", async () => {
    await post("hub", "{}", githubHeaders("{}"));
    const first = lastStart();
    await post("hub", "{}", githubHeaders("{}", { "x-kept": "changed" }));
    const second = lastStart();
    await post("hub", "[]", githubHeaders("[]"));
    const third = lastStart();
    expect(second?.idempotencyKey).toBe(first?.idempotencyKey);
    expect(second?.inputHash).toBe(first?.inputHash);
    expect(third?.inputHash).not.toBe(first?.inputHash);
  });

  it("finds another tenant's workflow by the tenant's name", async () => {
    await post("~acme/hub", "{}", githubHeaders("{}"));
    expect(lastStart()?.tenant).toBe("acme");
  });

  it("carries a body over 64 KiB as a blob", async () => {
    const body = JSON.stringify({ text: "x".repeat(100_000) });
    expect((await post("hub", body, githubHeaders(body))).status).toBe(202);
    expect(lastStart()?.input).toHaveProperty("sha256");
  });

  it.each<{ name: string; status: number; path?: string; body?: string; headers?: Record<string, string> }>([
    { name: "an unknown path", status: 404, path: "nowhere" },
    { name: "an unknown tenant", status: 404, path: "~nobody/hub" },
    { name: "a bad signature", status: 401, headers: { "x-hub-signature-256": `sha256=${"0".repeat(64)}` } },
    { name: "no delivery ID", status: 401, headers: { "x-github-delivery": "" } },
    { name: "a form", status: 415, headers: { "content-type": "application/x-www-form-urlencoded" } },
    { name: "a body that is no JSON", status: 400, body: "{" },
    { name: "no body", status: 400, body: "" },
    { name: "too large a body", status: 413, body: "1".repeat(4 * 1024 * 1024) },
    { name: "a secret that is not there", status: 503, path: "lost" },
  ])(
    "I8: with $name is answered $status and starts nothing",
    async ({ status, path = "hub", body = "{}", headers }) => {
      const answer = await post(path, body, { ...githubHeaders(body), ...headers });
      expect(answer.status).toBe(status);
      expect(answer.body).toMatchObject({
        code: expect.any(Number),
        message: expect.any(String),
        details: expect.any(Array),
      });
      expect(JSON.stringify(answer.body)).not.toContain(SECRET);
      expect(served.shards.handed).toEqual([]);
    },
  );

  it.each([
    ["SHARD_OVERLOADED", 429, "1"],
    ["SHARD_UNAVAILABLE", 503, "1"],
    ["DISK_FULL", 503, "5"],
    ["IDEMPOTENCY_KEY_REUSED", 409, null],
  ] as const)("refused with %s is answered %d", async (code, status, retryAfter) => {
    served.shards.reply = ({ ref }) => ({ type: "refused", ref, refusal: refusal(code) });
    const answer = await post("hub", "{}", githubHeaders("{}"));
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, retryAfter]);
  });

  it("is counted by result", async () => {
    await post("nowhere", "{}");
    expect(await served.metrics.expose()).toMatch(/millrace_webhook_deliveries_total\{result="unknown-path"\} [1-9]/);
  });
});

describe("routes", () => {
  const registered = (name: string, version: number, path: string) => {
    const definition = definitionOf(flow(name, `{ path: ${path}, verify: { scheme: none } }`));
    return { tenant: tenantId("default"), name: definition.name, version, definition, source: "", registeredMs: 0 };
  };

  it("follow the newest version", () => {
    const routes = new WebhookRoutes();
    routes.register(registered("flow", 2, "new"));
    routes.register(registered("flow", 1, "old"));
    expect([routes.find("old"), routes.find("new")?.version]).toEqual([undefined, 2]);
    routes.register(registered("flow", 3, "newer/still"));
    expect([routes.find("new"), routes.find("newer/still")?.version]).toEqual([undefined, 3]);
  });

  it("name the workflow a path belongs to already", () => {
    const routes = new WebhookRoutes();
    const own = registered("flow", 1, "p");
    routes.register(own);
    expect(routes.conflict(own.tenant, own.definition)).toBe(undefined);
    expect(routes.conflict(own.tenant, registered("other", 1, "p").definition)).toEqual({
      path: "p",
      workflow: "flow",
    });
    expect(routes.conflict(tenantId("acme"), registered("other", 1, "p").definition)).toBe(undefined);
  });
});

describe("secrets", () => {
  it("come from the environment, several at once", async () => {
    process.env["MILLRACE_TEST_SECRETS"] = " one,two \n three,, ";
    expect(await new Secrets(new VirtualClock(1)).resolve("env:MILLRACE_TEST_SECRETS")).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  it("come from a file, which is read again when it changed", async () => {
    const clock = new VirtualClock(1);
    const secrets = new Secrets(clock);
    const path = join(folder, "rotating");
    writeFileSync(path, "first\n");
    expect(await secrets.resolve(`file:${path}`)).toEqual(["first"]);
    writeFileSync(path, "first\nsecond\n");
    expect(await secrets.resolve(`file:${path}`)).toEqual(["first"]);
    await clock.advance(1_000);
    expect(await secrets.resolve(`file:${path}`)).toEqual(["first", "second"]);
  });

  it.each(["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all", "literal"])("are missing at %s", async (reference) => {
    await expect(new Secrets(new VirtualClock(1)).resolve(reference)).rejects.toThrow(SecretMissing);
  });
});
