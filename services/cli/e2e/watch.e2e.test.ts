// Following a run outlives the server.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@millrace/testing/free-port.ts";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { MAIN, millrace } from "./served-millrace.ts";

test("run watch and run start --wait go on when the server is killed and started again", async () => {
  await using folder = await tempFolder();
  const port = String(await freePort());
  const env = { MILLRACE_ADDRESS: `127.0.0.1:${port}` };
  const serve = async (): Promise<StartedProcess> => {
    const args = ["start", "--data", join(folder.path, "data"), "--grpc-port", port, "--http-port", "0"];
    const server = await startNode(MAIN, args);
    await server.waitForLine(/Millrace serves/);
    return server;
  };
  const first = await serve();
  const file = join(folder.path, "asks.yaml");
  await writeFile(file, "name: asks\nsteps: { ask: { uses: signal, with: { name: go } } }\n");
  await millrace(["workflow", "register", file], env);
  const { text: runId } = await millrace(["run", "start", "asks", "--key", "k"], env);
  await using watching = await startNode(MAIN, ["run", "watch", runId], { env });
  // Its start may find no server until the second one is there.
  const patient = ["run", "start", "asks", "--key", "k", "--wait", "--timeout", "1m"];
  await using waiting = await startNode(MAIN, patient, { env });
  await watching.waitForLine(/^ask\twaiting/);
  await first.kill();

  await using second = await serve();
  await millrace(["run", "signal", runId, "go", "--payload", "7"], env);
  expect(await watching.exited).toEqual({ code: 0, signal: null });
  expect(watching.lines.at(-1)).toBe(`${runId}\tcompleted`);
  expect(await waiting.exited).toEqual({ code: 0, signal: null });
  expect(second.signal("SIGTERM")).toBe(true);
  expect(waiting.lines).toEqual([`${runId}\tcompleted\t{"ask":7}`]);
});
