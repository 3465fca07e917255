// What stands in the way of a start is told with what to change.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { freePort } from "@millrace/testing/free-port.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { MAIN, millrace, ServedMillrace } from "./served-millrace.ts";

/** A port that is taken for as long as the test runs. */
async function takenPort(): Promise<{ readonly port: number } & AsyncDisposable> {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { port, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

test.each([
  ["start", "--grpc-port", "MILLRACE_GATEWAY_GRPC_PORT", "--http-port"],
  ["start", "--http-port", "MILLRACE_GATEWAY_HTTP_PORT", "--grpc-port"],
  ["demo", "--grpc-port", "MILLRACE_GATEWAY_GRPC_PORT", "--http-port"],
])("%s: a taken port of %s is named, with the flag and %s", async (command, flag, variable, other) => {
  await using folder = await tempFolder();
  await using taken = await takenPort();
  const args = [command, "--data", join(folder.path, "data"), flag, String(taken.port), other, "0"];
  const { code, text } = await millrace(args);
  expect(code).toBe(1);
  expect(text).toContain(`Port ${taken.port} of 127.0.0.1`);
  expect(text).toContain(`${flag} or ${variable}`);
});

test("demo: the taken port of the examples' service is named, with its flag", async () => {
  await using folder = await tempFolder();
  await using taken = await takenPort();
  const ports = ["--grpc-port", "0", "--http-port", "0"];
  const { code, text } = await millrace(["demo", "--data", folder.path, ...ports], {
    MILLRACE_DEMO_SERVICE_PORT: String(taken.port),
  });
  expect(code).toBe(1);
  expect(text).toContain("--service-port or MILLRACE_DEMO_SERVICE_PORT");
});

test("a folder that another server uses is refused, and that server goes on", async () => {
  await using served = await ServedMillrace.start();
  const data = join(served.folder.path, "data");
  const second = await millrace(["start", "--data", data, "--grpc-port", "0", "--http-port", "0"]);
  expect(second).toEqual({ code: 1, text: expect.stringMatching(/in use by another process[\s\S]*--data/) });
  expect((await served.run("run", "list")).code).toBe(0);
});

test.each([
  ["of another format", '{"format":99,"shards":1}', /has format 99; this build knows 1/],
  ["of another number of shards", '{"format":1,"shards":4}', /has 4 shards.*Set storage\.shards to 4/],
  ["with a damaged layout", "{", /layout\.json is damaged/],
])("a folder %s is refused and left as it is", async (_what, layout, said) => {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, "layout.json"), layout);
  const { code, text } = await millrace(["start", "--data", folder.path, "--grpc-port", "0", "--http-port", "0"]);
  expect(code).toBe(1);
  expect(text).toMatch(said);
  expect(await readFile(join(folder.path, "layout.json"), "utf8")).toBe(layout);
});

test("a path that cannot be a folder is refused", async () => {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, "file"), "");
  const { code, text } = await millrace([
    "start",
    "--data",
    join(folder.path, "file"),
    "--grpc-port",
    "0",
    "--http-port",
    "0",
  ]);
  expect(code).toBe(1);
  expect(text).toMatch(/cannot use .*file for its data[\s\S]*--data/);
});

test.each([
  [["--grpc-port", "99999"], {}, /flag --grpc-port.*from 0 to 65535/],
  [["--retention", "5"], {}, /flag --retention.*duration with its unit/],
  [[], { MILLRACE_STORAGE_SHARDS: "many" }, /environment variable MILLRACE_STORAGE_SHARDS/],
  [["--config", "nowhere.yaml"], {}, /nowhere\.yaml cannot be read/],
  [["--nonsense"], {}, /unknown option '--nonsense'/],
])("a bad configuration (%j, %j) is refused", async (args, env, said) => {
  expect(await millrace(["start", ...args], env)).toEqual({ code: 2, text: expect.stringMatching(said) });
});

test("a configuration file is read, and what it says wrongly is told with its name", async () => {
  await using folder = await tempFolder();
  await mkdir(join(folder.path, "etc"));
  const file = join(folder.path, "etc/millrace.yaml");
  await writeFile(file, "gateway:\n  grpcPrt: 1\n");
  expect(await millrace(["start", "--config", file])).toEqual({
    code: 2,
    text: expect.stringMatching(/gateway\.grpcPrt is no option.*grpcPort/),
  });
});

test("SIGTERM stops it gracefully", async () => {
  await using folder = await tempFolder();
  const ports = ["--grpc-port", "0", "--http-port", "0"];
  await using server = await startNode(MAIN, ["start", "--data", folder.path, ...ports]);
  await server.waitForLine(/Millrace serves/);
  expect(await server.kill("SIGTERM")).toEqual({ code: 0, signal: null });
});
