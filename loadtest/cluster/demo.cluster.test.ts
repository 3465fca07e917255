// `make cluster`, as a user sees it: told to its end, killed in the middle, and started again on what is left.
import { fileURLToPath } from "node:url";
import { isFree } from "@millrace/testing/free-port.ts";
import { type StartedProcess, start, startNode } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** A start of all processes, or the whole story, on a machine that does other things as well. */
const STEP_MS = 180_000;
const TEST_MS = 480_000;

function startDemo(folder: string, ...flags: readonly string[]): Promise<StartedProcess> {
  return startNode(MAIN, ["--data", folder, "--port", "0", ...flags]);
}

/** Ports of the nodes and the NATS servers, as it says. */
async function portsOf(demo: StartedProcess): Promise<number[]> {
  await demo.waitForLine(/ nodes +node-1 on /, STEP_MS);
  const told = demo.lines.filter((line) => / ✓ (?:nats|nodes) /.test(line)).join("\n");
  const ports = Array.from(told.matchAll(/127\.0\.0\.1:(\d+)/g), ([, port]) => Number(port));
  expect(ports).toHaveLength(6);
  return ports;
}

function allFree(ports: readonly number[]): Promise<true> {
  return waitUntil("all that the demo started to be gone", async () =>
    (await Promise.all(ports.map((port) => isFree(port)))).every(Boolean),
  );
}

test(
  "I6: told to its end, the demo loses a node, shows the take-over and the balance, and loses no run",
  async () => {
    await using folder = await tempFolder();
    await using demo = await startDemo(folder.path, "--once");
    const ports = await portsOf(demo);
    await demo.waitForLine(
      / take-over after [\d.]+ m?s all 6 shards have owners: node-1 owns \d, node-3 owns \d$/,
      STEP_MS,
    );
    await demo.waitForLine(/ callers +\d+ waited meanwhile, half of them for .* the longest for /, STEP_MS);
    await demo.waitForLine(/ balance +restored .*: node-1 owns 2, node-2 owns 2, node-3 owns 2$/, STEP_MS);
    const [, started = "", ended, lost] = await demo.waitForLine(
      / totals +started ([\d,]+), ended ([\d,]+), lost ([\d,]+)$/,
      STEP_MS,
    );
    expect(Number(started.replace(",", ""))).toBeGreaterThan(100);
    expect(ended).toBe(started);
    expect(lost).toBe("0");
    const shown = demo.lines.filter((line) =>
      /^ +[\d.]+ s {2}node-1 \d\+\d {2}node-2 \S+ {2}node-3 .* started/.test(line),
    );
    expect(shown.some((line) => line.includes("node-2 away"))).toBe(true);
    expect(await demo.exited).toEqual({ code: 0, signal: null });
    await allFree(ports);
  },
  TEST_MS,
);

test(
  "I6: killed in the middle, the demo leaves no process behind, and has every run when it is started again",
  async () => {
    await using folder = await tempFolder();
    const first = await startDemo(folder.path);
    const left = await portsOf(first);
    await first.waitForLine(/ ended [1-9]\d*\/s /, STEP_MS);
    await first.kill();
    await allFree(left);

    await using second = await startDemo(folder.path);
    const [, found] = await second.waitForLine(/ data .*: (\d+) runs found, \d+ of them go on$/, STEP_MS);
    expect(Number(found)).toBeGreaterThan(0);
    await second.waitForLine(/^ {2}kill -9 \d+$/, STEP_MS);
    expect(second.lines.find((line) => / totals .* lost 0$/.test(line))).toBeDefined();
    const pasted = second.lines.filter((line) => /^ {2}(?:npx|curl|kill) /.test(line));
    expect(pasted).toHaveLength(4);
    for (const line of pasted) {
      await using shell = await start("bash", ["-c", line], { cwd: ROOT });
      expect(await shell.exited, `${line}\n${shell.lines.join("\n")}`).toEqual({ code: 0, signal: null });
    }
    // The last one was the end of a node; what starts it again is told.
    await second.waitForLine(/ ended +node-3; start it again:$/);
    await second.waitForLine(/^ {2}npx millrace start .* --name node-3 /);
    const ports = await portsOf(second);
    expect(await second.kill("SIGINT")).toEqual({ code: 0, signal: null });
    await allFree(ports);
  },
  TEST_MS,
);
