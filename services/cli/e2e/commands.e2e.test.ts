// Every command against a live server: what it prints for people, pipes and programs, and how it ends.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PermanentError } from "@millrace/sdk/worker/task-errors.ts";
import { createWorker, type Worker } from "@millrace/sdk/worker/worker.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { millrace, ServedMillrace } from "./served-millrace.ts";

let served: ServedMillrace;
let worker: Worker;
/** Whether the task of `mendable` works by now. */
let mended = false;

const WORKFLOWS = {
  nap: 'steps: { sleep: { uses: sleep, with: { for: "${input.for}" } } }',
  mendable: "steps: { work: { uses: e2e.mendable } }",
  selfish: "steps: { call: { uses: http, with: { method: POST, url: '${input}', body: {} } } }",
  many: 'steps: { each: { uses: e2e.item, forEach: "${input}" } }',
  echoes: "steps: { echo: { uses: transform, with: '${input}' } }\noutput: '${steps.echo.output}'",
  asks: "steps: { ask: { uses: signal, with: { name: approved } } }\noutput: '${steps.ask.output}'",
};

beforeAll(async () => {
  served = await ServedMillrace.start("--http-allow", "127.0.0.1", "0.0.0.0/0");
  worker = createWorker({ address: served.address, name: "e2e" });
  worker.handle("e2e.mendable", () => {
    if (!mended) throw new PermanentError("BROKEN", "It is broken.", "Mend it.");
    return "whole";
  });
  worker.handle("e2e.item", (item) => {
    if (item === "bad") throw new PermanentError("BROKEN", "It is broken.", "Mend it.");
    return item;
  });
  await worker.start();
  for (const [name, rest] of Object.entries(WORKFLOWS)) {
    const file = await written(`${name}.yaml`, `name: ${name}\n${rest}\n`);
    expect(await served.run("workflow", "register", file)).toEqual({ code: 0, text: `${name}\t1\tcreated` });
  }
});

afterAll(async () => {
  await worker.stop({ timeoutMs: 0 });
  await served[Symbol.asyncDispose]();
});

async function written(name: string, text: string): Promise<string> {
  const path = join(served.folder.path, name);
  await writeFile(path, text);
  return path;
}

async function started(workflow: string, input: unknown = null): Promise<string> {
  const { code, text } = await served.run("run", "start", workflow, "--input", JSON.stringify(input));
  expect(code, text).toBe(0);
  return text;
}

function parsed(text: string): Record<string, unknown> {
  const value: Record<string, unknown> = { ...JSON.parse(text) };
  return value;
}

test("an http step does not reach the server's own API, whatever is allowed", async () => {
  for (const address of [served.http, `http://${served.address}`]) {
    const input = JSON.stringify(`${address}/millrace.v1.RunService/ListRuns`);
    const run = await served.run("run", "start", "selfish", "--input", input, "--wait", "--json");
    expect(run).toEqual({ code: 1, text: expect.stringContaining("HTTP_ADDRESS_REFUSED") });
    expect(run.text).toContain("is Millrace's own");
  }
});

describe("cluster", () => {
  test("status, nodes and shards show a server on its own", async () => {
    expect((await served.run("cluster", "status")).text).toBe("alone\t\t1\t0\t1\t0\t1\t1\t0\t");
    expect((await served.run("cluster", "nodes")).text).toMatch(
      /^\S+\tlive\t\tnode,gateway,connectors\t1\t0\t1\t\d+\t0\t0\t\S+-[0-9a-z]{8}$/,
    );
    const { text } = await served.run("cluster", "shards", "--json");
    expect(parsed(text)).toMatchObject({ shardId: 0, slotsUntil: 4096, owner: { state: "ready", health: "live" } });
  });

  test.each([
    ["drain", "here"],
    ["undrain", "here"],
    ["snapshot", "0"],
  ])("%s is refused by a server on its own, which says how to start a cluster", async (...command) => {
    const { code, text } = await served.run("cluster", ...command);
    expect(code).toBe(3);
    expect(text).toMatch(/error: .*\(NOT_CLUSTERED\)\nnext: .*millrace start --nats/);
  });
});

describe("workflow", () => {
  test("register gives the same version for the same definition, and the next for another", async () => {
    const file = await written("twice.yaml", "name: twice\nsteps: { a: { uses: t } }\n");
    expect(parsed((await served.run("workflow", "register", file, "--json")).text)).toMatchObject({
      version: 1,
      created: true,
    });
    expect((await served.run("workflow", "register", file)).text).toBe("twice\t1\tunchanged");
    await writeFile(file, "name: twice\nsteps: { a: { uses: t }, b: { uses: t } }\n");
    expect((await served.run("workflow", "register", file)).text).toBe("twice\t2\tcreated");
    expect((await served.run("workflow", "get", "twice", "--version", "1")).text).toContain("{ a: { uses: t } }");
    expect(parsed((await served.run("workflow", "get", "twice", "--json")).text)).toMatchObject({
      version: 2,
      steps: ["a", "b"],
    });
  });

  test("validate and register name every problem with its place", async () => {
    const file = await written("bad.yaml", "name: bad\nsteps:\n  a: { uses: t, needs: nobody }\n  b: { usees: t }\n");
    const validated = await served.run("workflow", "validate", file);
    expect(validated.code).toBe(1);
    expect(validated.text).toMatch(/bad\.yaml:3:\d+\tsteps\.a\.needs\S*\t.*nobody/);
    expect(validated.text).toMatch(/bad\.yaml:4:\d+\tsteps\.b/);
    const registered = await served.run("workflow", "register", file);
    expect(registered).toEqual({ code: 3, text: validated.text });
  });

  test("list shows all of them by name", async () => {
    const { text } = await served.run("workflow", "list");
    expect(text.split("\n").map((line) => line.split("\t")[0])).toEqual(
      expect.arrayContaining(["asks", "mendable", "nap"]),
    );
    expect((await served.run("workflow", "list", "--json")).text.split("\n").map(parsed)).toContainEqual(
      expect.objectContaining({ name: "nap", version: 1 }),
    );
  });
});

describe("run", () => {
  test("start with a key starts once, and refuses the key for another input", async () => {
    const first = await served.run("run", "start", "nap", "--input", '{"for": "1h"}', "--key", "k", "--json");
    const again = await served.run("run", "start", "nap", "--input", '{"for": "1h"}', "--key", "k", "--json");
    expect(parsed(again.text)).toEqual({ ...parsed(first.text), repeated: true });
    const other = await served.run("run", "start", "nap", "--input", '{"for": "2h"}', "--key", "k");
    expect(other.code).toBe(3);
    expect(other.text).toMatch(/IDEMPOTENCY_KEY_REUSED[\s\S]*next: /);
  });

  test("start --wait prints the end and exits by it", async () => {
    const ended = await served.run("run", "start", "nap", "--input", '{"for": "1ms"}', "--wait");
    expect(ended).toMatchObject({ code: 0, text: expect.stringMatching(/^\w{20}\tcompleted\t/) });
    const failed = await served.run("run", "start", "nap", "--input", '{"for": "soon"}', "--wait", "--json");
    expect(failed.code).toBe(1);
    expect(parsed(failed.text)).toMatchObject({ status: "failed", failedStep: "sleep" });
  });

  test("timeline, get and list show a run for pipes, programs and people", async () => {
    const runId = await started("nap", { for: "1ms" });
    await served.run("run", "watch", runId);
    expect((await served.run("run", "timeline", runId)).text).toMatch(/^sleep\t\tcompleted\t0\t/);
    expect(parsed((await served.run("run", "timeline", runId, "--json")).text)).toMatchObject({
      run: { runId, input: { for: "1ms" } },
      steps: [{ step: "sleep", status: "completed" }],
    });
    expect((await served.run("run", "get", runId)).text).toMatch(new RegExp(`^${runId}\tnap v1\tcompleted\t`));
    const list = await served.run("run", "list", "--workflow", "nap", "--status", "completed", "--limit", "1");
    expect(list.text).toMatch(new RegExp(`^${runId}\tnap v1\tcompleted\t1/1\t[^\n]*$`, "m"));
    expect((await served.run("run", "list", "--since", "2999-01-01")).text).toBe("");
  });

  test("timeline and items show a forEach of more items than fit, and one alone with its payloads", async () => {
    const list = Array.from({ length: 1_100 }, (_, item) => (item === 1_060 ? "bad" : item));
    const runId = await started("many", list);
    await served.run("run", "watch", runId);
    const folded = (await served.run("run", "timeline", runId)).text;
    expect(folded).toMatch(/^each\t\tfailed\t\d+\t[^\n]*BROKEN$/);
    const lines = (await served.run("run", "timeline", runId, "--items")).text.split("\n");
    const note = `note: each: 100 of 1100 items are left out here. All of them: millrace run items ${runId} --step each`;
    expect(lines).toHaveLength(1_002);
    expect(lines).toContain(note);
    expect(lines.filter((line) => line.startsWith("each\t1060\tfailed\t1\t"))).toHaveLength(1);
    const failed = await served.run("run", "items", runId, "--step", "each", "--status", "failed");
    expect(failed.text).toMatch(/^each\t1060\tfailed\t1\t[^\n]*\tBROKEN$/);
    const some = (await served.run("run", "items", runId, "--limit", "2", "--json")).text.split("\n");
    expect(some).toContain("note: There are more; --limit 20 shows them.");
    expect(some.filter((line) => line.startsWith("{")).map(parsed)).toMatchObject([
      { step: "each", item: 0, status: "completed", input: 0, output: 0 },
      { step: "each", item: 1, status: "completed", input: 1, output: 1 },
    ]);
    const one = await served.run("run", "timeline", runId, "--step", "each", "--item", "1060", "--json");
    expect(parsed(one.text)).toMatchObject({
      steps: [{ item: 1_060, input: "bad", failedAttempts: [{ attempt: 1 }] }],
    });
    expect(await served.run("run", "timeline", runId, "--item", "3")).toMatchObject({ code: 2 });
    const none = await served.run("run", "timeline", runId, "--step", "each", "--item", "1100");
    expect(none).toMatchObject({ code: 3, text: expect.stringContaining("each has 1100 items") });
  });

  test("prints payloads with every digit of their numbers, wherever it prints them", async () => {
    const payload = '{"id":12345678901234567890,"n":1.50,"list":[-98765432109876543210]}';
    const ended = await served.run("run", "start", "echoes", "--input", payload, "--wait");
    expect(ended.text.split("\t")[2]).toBe(payload);
    const runId = ended.text.split("\t")[0] ?? "";
    expect((await served.run("run", "get", runId)).text.split("\t")[3]).toBe(payload);
    expect((await served.run("run", "get", runId, "--json")).text).toContain(`"input":${payload},"output":${payload}`);
    expect((await served.run("run", "timeline", runId, "--json")).text).toContain(`"output":${payload}`);
    expect((await served.run("run", "watch", runId, "--json")).text).toContain(`"output":${payload}`);
  });

  test("signal hands over what a step waits for, once a request ID", async () => {
    const runId = await started("asks");
    const signal = ["run", "signal", runId, "approved", "--payload", '{"ok": true}', "--request-id", "r"];
    expect((await served.run(...signal)).text).toBe(`${runId}\tapproved\taccepted`);
    const watched = await served.run("run", "watch", runId, "--json");
    expect(watched.code).toBe(0);
    expect(parsed((await served.run("run", "get", runId, "--json")).text)).toMatchObject({ output: { ok: true } });
    expect((await served.run(...signal)).text).toMatch(/repeated|RUN_ENDED/);
  });

  test("pause, resume, cancel and terminate", async () => {
    const runId = await started("asks");
    expect((await served.run("run", "pause", runId, "--reason", "lunch")).text).toBe(`${runId}\tpaused`);
    expect(parsed((await served.run("run", "get", runId, "--json")).text)).toMatchObject({
      status: "paused",
      reason: "lunch",
    });
    expect((await served.run("run", "resume", runId)).text).toBe(`${runId}\trunning`);
    const twice = await served.run("run", "resume", runId);
    expect(twice).toMatchObject({ code: 3, text: expect.stringContaining("RUN_NOT_PAUSED") });
    expect((await served.run("run", "cancel", runId)).code).toBe(0);
    expect((await served.run("run", "watch", runId)).text).toContain(`${runId}\tcancelled`);
    const other = await started("asks");
    expect((await served.run("run", "terminate", other)).text).toBe(`${other}\tterminated`);
    expect((await served.run("run", "terminate", other)).text).toBe(`${other}\tterminated`);
    expect((await served.run("run", "cancel", other)).text).toContain("RUN_ENDED");
  });

  test("retry runs again what failed", async () => {
    const runId = await started("mendable");
    expect((await served.run("run", "watch", runId)).code).toBe(1);
    const { text } = await served.run("run", "get", runId, "--json");
    expect(parsed(text)).toMatchObject({ failedStep: "work", failure: { code: "BROKEN", guidance: "Mend it." } });
    mended = true;
    expect((await served.run("run", "retry", runId)).text).toBe(`${runId}\t2\taccepted`);
    expect((await served.run("run", "watch", runId)).code).toBe(0);
    expect((await served.run("run", "retry", runId)).text).toContain("RUN_NOT_FAILED");
  });
});

describe("errors", () => {
  test.each([
    ["no such run", ["run", "get", "00000000000000000000"], 3, /RUN_NOT_FOUND[\s\S]*next: /],
    ["no such workflow", ["run", "start", "nobody"], 3, /WORKFLOW_NOT_FOUND[\s\S]*next: /],
    ["an ID that is none", ["run", "get", "x"], 3, /INVALID_ARGUMENT/],
    ["input that is not JSON", ["run", "start", "nap", "--input", "{for: 1h}"], 2, /--input is not JSON/],
    ["a file that is not there", ["workflow", "register", "nowhere.yaml"], 2, /nowhere\.yaml cannot be read/],
    ["a time that is none", ["run", "list", "--since", "yesterday"], 2, /--since is yesterday/],
    ["a status that is none", ["run", "list", "--status", "happy"], 2, /Allowed choices are running/],
    ["a time-out that is none", ["run", "list", "--timeout", "5"], 2, /--timeout is 5; write a duration/],
    ["an address that is none", ["run", "list", "--address", "here"], 2, /--address is here; write host:port/],
    ["an unknown command", ["run", "lst"], 2, /Did you mean list\?[\s\S]*--help/],
    ["a missing argument", ["run", "get"], 2, /missing required argument 'run'/],
  ])("%s", async (_what, args, code, text) => {
    expect(await served.run(...args)).toEqual({ code, text: expect.stringMatching(text) });
  });

  test("no server", async () => {
    const { code, text } = await millrace(["run", "list", "--address", "127.0.0.1:1", "--timeout", "300ms"]);
    expect(code).toBe(4);
    expect(text).toMatch(/No Millrace server answers at 127\.0\.0\.1:1\.[\s\S]*next: .*millrace start/);
  });

  test("as JSON, on standard error", async () => {
    const { code, text } = await served.run("run", "get", "00000000000000000000", "--json");
    expect(code).toBe(3);
    expect(parsed(text)).toMatchObject({
      error: { code: "NOT_FOUND", reason: "RUN_NOT_FOUND", fix: expect.any(String) },
    });
  });

  test("a tenant sees nothing of another", async () => {
    const runId = await started("asks");
    expect((await served.run("run", "get", runId, "--tenant", "other")).text).toContain("RUN_NOT_FOUND");
    expect((await served.run("workflow", "list", "--tenant", "other")).text).toBe("");
  });
});

test.each([
  ["--help"],
  ["start", "--help"],
  ["run", "--help"],
  ["run", "start", "--help"],
  ["workflow", "register", "--help"],
])("%s %s teaches", async (...args) => {
  expect(await millrace(args)).toEqual({ code: 0, text: expect.stringMatching(/Usage: millrace/) });
});
