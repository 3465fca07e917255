// `make run`, as a user sees it: first start, kill -9 in the middle, and again.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@millrace/sdk/client/client.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { type StartedProcess, start, startNode } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, test } from "vitest";
import { MAIN } from "./served-millrace.ts";

const DEMO_MS = 90_000;

async function demoPlace(folder: string) {
  const [grpcPort, httpPort, servicePort] = [await freePort(), await freePort(), await freePort()];
  const ports = ["--grpc-port", `${grpcPort}`, "--http-port", `${httpPort}`, "--service-port", `${servicePort}`];
  return {
    address: `127.0.0.1:${grpcPort}`,
    start: (webhooks: number): Promise<StartedProcess> =>
      startNode(MAIN, ["demo", "--data", folder, ...ports, "--webhooks", `${webhooks}`]),
  };
}

test("the demo runs real webhooks to their ends, shows a timeline, and stops gracefully", async () => {
  await using folder = await tempFolder();
  const place = await demoPlace(folder.path);
  await using demo = await place.start(6);
  await demo.waitForLine(/Try next/, DEMO_MS);
  const text = demo.lines.join("\n");
  expect(text).toContain("empty: this is the first start with it");
  expect(text.match(/ {2}completed in /g)).toHaveLength(6);
  expect(text).toMatch(/failed tr(y|ies) made again/);
  expect(text).toMatch(/STEP +STATUS +TRIES +QUEUED +TOOK +0 ─+/);
  expect(text).toMatch(/notify +completed 200\/200 +2\d\d /);
  expect((await stat(join(folder.path, "github-webhook.secret"))).mode & 0o777).toBe(0o600);
  expect(await demo.kill("SIGINT")).toEqual({ code: 0, signal: null });
});

test("the commands it prints work when pasted", async () => {
  await using folder = await tempFolder();
  const place = await demoPlace(folder.path);
  await using demo = await place.start(3);
  await demo.waitForLine(/JSON over HTTP/, DEMO_MS);
  await demo.waitForLine(/^ {2}curl /);
  const pasted = demo.lines.filter((line) => /^ {2}(npx|GITHUB_WEBHOOK_SECRET)/.test(line));
  expect(pasted).toHaveLength(5);
  for (const line of pasted) {
    await using shell = await start("bash", ["-c", line], { cwd: ROOT });
    expect(await shell.exited, `${line}\n${shell.lines.join("\n")}`).toEqual({ code: 0, signal: null });
  }
});

test("I6: killed in the middle and started again, it has every run, and unfinished ones go on", async () => {
  await using folder = await tempFolder();
  const place = await demoPlace(folder.path);
  const first = await place.start(30);
  // All accepted, most of them under way.
  await first.waitForLine(/30 real bodies of GitHub signed, posted and accepted/, DEMO_MS);
  await first.kill("SIGKILL");

  await using second = await place.start(1);
  const [, found, unfinished] = await second.waitForLine(/(\d+) runs found, (\d+) unfinished went on/, DEMO_MS);
  expect(Number(found)).toBe(32);
  expect(Number(unfinished)).toBeGreaterThan(2);
  await second.waitForLine(/Try next/, DEMO_MS);
  const client = createClient({ address: place.address });
  try {
    await waitUntil("all webhooks' runs completed", async () => {
      let completed = 0;
      for await (const { status } of client.listRuns({ workflow: "github-event" })) {
        if (status === "completed") completed += 1;
      }
      return completed === 31;
    });
  } finally {
    client.close();
  }
});
