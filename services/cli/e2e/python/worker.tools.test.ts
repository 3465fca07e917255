// The worker protocol, spoken by examples/python/worker.py with real servers.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@millrace/testing/free-port.ts";
import type { StartedProcess } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiServer } from "./api-server.ts";
import { INSTALL_MS, installPython, readmeScripts, runScript, startPython } from "./python.ts";

/** A workflow of one step for each task of tasks.py. */
const WORKFLOWS = ["echo", "flaky", "declined", "broken", "large", "wait"].map(
  (task) => `
name: ${task}
steps:
  only: { uses: test.${task}, timeout: 60s, retry: { maxAttempts: 4, initialDelay: 10ms, maxDelay: 20ms } }
`,
);

let folder: TempFolder;
let server: ApiServer;

beforeAll(async () => {
  await installPython();
  folder = await tempFolder();
  server = await ApiServer.start(join(folder.path, "data"));
  for (const source of WORKFLOWS) await server.register(source);
}, INSTALL_MS);

afterAll(async () => {
  await server.kill();
  await folder[Symbol.asyncDispose]();
});

/** A worker of the tests' tasks, connected. */
async function startWorker(name: string, address = server.grpc, capacity = 100): Promise<StartedProcess> {
  const file = join(ROOT, "services/cli/e2e/python/tasks.py");
  const worker = await startPython(file, [name, String(capacity)], { MILLRACE_ADDRESS: address });
  await worker.waitForLine(/serves as/);
  return worker;
}

/** A file that ends a `wait` task when it is written. */
function signalFile(name: string): { readonly path: string; write(): Promise<void> } {
  const path = join(folder.path, name);
  return { path, write: () => writeFile(path, "") };
}

test("the README's commands do what it says, 1,000 runs over one stream included", async () => {
  const [, worker = "", client = ""] = readmeScripts();
  await using example = await startPython("examples/python/worker.py", [], { MILLRACE_ADDRESS: server.grpc });
  await example.waitForLine(/serves as/);
  expect(worker).toContain("examples/python/worker.py");
  const said = await runScript(client, { MILLRACE_ADDRESS: server.grpc });
  expect(said).toContain("py-greeting version 1 is new");
  expect(said).toMatch(/RUN_STATUS_COMPLETED {"greeting":"Hello, Ada!","letters":8}/);
  expect(said).toMatch(/^1000 RUN_STATUS_COMPLETED in /m);
  expect(await example.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(example.lines.at(-1)).toBe("The worker is done");
});

describe("with two workers", () => {
  let workers: readonly [StartedProcess, StartedProcess];
  beforeAll(async () => {
    workers = [await startWorker("first"), await startWorker("second")];
  });
  afterAll(async () => {
    for (const worker of workers) await worker.kill();
  });

  test("payloads come through unchanged, whatever their letters", async () => {
    const value = { text: 'ä😀"\\\u0000', list: [1.5, null, true], deep: { a: {} } };
    const { run, steps } = await server.finishedRun("echo", value);
    expect(run.status).toBe("RUN_STATUS_COMPLETED");
    expect(steps[0]?.output).toEqual(value);
  });

  test("a transient failure is tried again with the same idempotency key and keeps its logs", async () => {
    const { run, steps } = await server.finishedRun("flaky", 2);
    const [step] = steps;
    expect(run.status).toBe("RUN_STATUS_COMPLETED");
    expect(step).toMatchObject({ attempts: 3, logs: [{ level: "warn", msg: "attempt 3" }] });
    expect(step?.failedAttempts).toHaveLength(2);
    expect(step?.failedAttempts?.[1]).toMatchObject({
      attempt: 2,
      worker: expect.stringMatching(/^(first|second)@1$/),
      failure: { code: "FLAKY", class: "FAILURE_CLASS_TRANSIENT", message: "Attempt 2 fails.", retryAfterMs: "20" },
      logs: [{ level: "warn", msg: "attempt 2" }],
    });
  });

  test("a permanent failure is not tried again and shows its guidance", async () => {
    const { run, steps } = await server.finishedRun("declined", null);
    expect(steps[0]?.attempts).toBe(1);
    expect(run).toMatchObject({
      status: "RUN_STATUS_FAILED",
      failure: { code: "CARD_DECLINED", class: "FAILURE_CLASS_PERMANENT", guidance: "Ask for another card." },
    });
  });

  test("an exception nobody classified is tried again to the last attempt", async () => {
    const { run, steps } = await server.finishedRun("broken", null);
    expect(steps[0]?.attempts).toBe(4);
    expect(run.failure).toMatchObject({
      code: "WORKER_ERROR",
      class: "FAILURE_CLASS_TRANSIENT",
      message: "ValueError('thrown by mistake')",
    });
  });

  test("an output over the limit fails its step alone, and one just below it comes through", async () => {
    const most = 4_128_768 - 2;
    const [fits, over] = await Promise.all([server.finishedRun("large", most), server.finishedRun("large", most + 1)]);
    expect(String(fits.steps[0]?.output).length).toBe(most);
    expect(over.run.failure?.code).toBe("PAYLOAD_TOO_LARGE");
  });

  test("a cancelled run's handler is stopped, and its progress was visible before", async () => {
    const runId = await server.startRun("wait", signalFile("never").path);
    await waitUntil("progress in the timeline", async () => {
      const { steps } = await server.timeline(runId);
      return JSON.stringify(steps[0]?.progress) === '{"waits":true}';
    });
    await server.call("RunService/CancelRun", { runId, reason: "a test" });
    await Promise.any(workers.map((worker) => worker.waitForLine(new RegExp(`stops ${runId}`))));
    await server.ended(runId);
    expect((await server.timeline(runId)).run).toMatchObject({ status: "RUN_STATUS_CANCELLED", reason: "a test" });
  });
});

test("a killed worker's tasks go to another one", async () => {
  const done = signalFile("killed");
  await using first = await startWorker("mortal");
  const runId = await server.startRun("wait", done.path);
  await first.waitForLine(new RegExp(`begins ${runId} attempt 1`));
  await using second = await startWorker("heir");
  await first.kill();
  await second.waitForLine(new RegExp(`begins ${runId} attempt 2`));
  await done.write();
  await server.ended(runId);
  const { run, steps } = await server.timeline(runId);
  expect(run).toMatchObject({ status: "RUN_STATUS_COMPLETED", output: { only: { attempt: 2 } } });
  expect(steps[0]).toMatchObject({ worker: "heir@1", failedAttempts: [{ failure: { code: "WORKER_LOST" } }] });
});

test("SIGTERM drains a worker: others get what comes, it ends with what it has", async () => {
  const done = signalFile("drained");
  await using leaving = await startWorker("leaving");
  const runId = await server.startRun("wait", done.path);
  await leaving.waitForLine(new RegExp(`begins ${runId}`));
  await using staying = await startWorker("staying");
  leaving.signal("SIGTERM");
  const { run } = await server.finishedRun("echo", 1);
  expect(run.status).toBe("RUN_STATUS_COMPLETED");
  await done.write();
  expect(await leaving.exited).toEqual({ code: 0, signal: null });
  expect(await staying.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  await server.ended(runId);
  expect((await server.timeline(runId)).steps[0]).toMatchObject({ attempts: 1, worker: "leaving@1" });
});

describe("when the server goes", () => {
  test("by kill −9, a worker keeps its attempts, announces them to the next one and sends unsettled frames again", async () => {
    const place = { data: join(folder.path, "killed-server"), port: await freePort() };
    const done = [signalFile("unsettled"), signalFile("while-down"), signalFile("after")] as const;
    await using old = await ApiServer.start(place.data, place.port);
    for (const source of WORKFLOWS) await old.register(source);
    await using worker = await startWorker("constant", old.grpc);
    const runs: string[] = [];
    for (const { path } of done) runs.push(await old.startRun("wait", path));
    const [unsettled = "", whileDown = "", after = ""] = runs;
    for (const runId of runs) await worker.waitForLine(new RegExp(`begins ${runId} attempt 1`));
    old.freeze();
    await done[0].write();
    await worker.waitForLine(new RegExp(`ends ${unsettled}`));
    await worker.waitForLine(/sends frame 1$/);
    await old.kill();
    await done[1].write();
    await worker.waitForLine(new RegExp(`ends ${whileDown}`));
    await using next = await ApiServer.start(place.data, place.port);
    await worker.waitForLine(/holds 3, sends 1 frames again/);
    await next.ended(unsettled);
    await next.ended(whileDown);
    await done[2].write();
    await next.ended(after);
    for (const runId of runs) {
      const { run, steps } = await next.timeline(runId);
      expect(run.status).toBe("RUN_STATUS_COMPLETED");
      expect(steps[0]).toMatchObject({ attempts: 1, worker: "constant@1", logs: [{ msg: "waits" }] });
    }
    expect(worker.lines.filter((line) => line.includes("begins"))).toHaveLength(3);
  });

  test("by SIGTERM, it waits for its workers, and they go on with the next one", async () => {
    const place = { data: join(folder.path, "stopped-server"), port: await freePort() };
    const done = signalFile("server-drained");
    await using old = await ApiServer.start(place.data, place.port);
    for (const source of WORKFLOWS) await old.register(source);
    await using worker = await startWorker("patient", old.grpc);
    const runId = await old.startRun("wait", done.path);
    await worker.waitForLine(new RegExp(`begins ${runId}`));
    const stopped = old.stop();
    await worker.waitForLine(/is told to drain/);
    await done.write();
    expect(await stopped).toEqual({ code: 0, signal: null });
    await using next = await ApiServer.start(place.data, place.port);
    await worker.waitForLine(/holds 0, sends 0 frames again/);
    expect((await next.timeline(runId)).steps[0]).toMatchObject({ attempts: 1, status: "STEP_STATUS_COMPLETED" });
    expect((await next.finishedRun("echo", 1)).run.status).toBe("RUN_STATUS_COMPLETED");
  });
});
