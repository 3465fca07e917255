import { access } from "node:fs/promises";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { freePort } from "./free-port.ts";
import { start, startNode } from "./process.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const talker = fileURLToPath(new URL("testdata/talker.ts", import.meta.url));

describe("a started process", () => {
  test("is awaited by what it prints, and stopped by a signal", async () => {
    await using talking = await startNode(talker);
    const match = await talking.waitForLine(/listening on (?<address>\S+)/);
    expect(match.groups?.["address"]).toBe("127.0.0.1:4711");
    expect(await talking.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(talking.lines).toContain("warming up");
    expect(talking.lines.at(-1)).toBe("stopping");
  });

  test("is gone after kill", async () => {
    await using talking = await startNode(talker);
    await talking.waitForLine(/listening/);
    expect(await talking.kill()).toEqual({ code: null, signal: "SIGKILL" });
    expect(talking.signal("SIGTERM")).toBe(false);
  });

  test("fails a wait at once when it exits, showing what it printed", async () => {
    await using talking = await startNode(talker, ["exit"]);
    await expect(talking.waitForLine(/never said/)).rejects.toThrow(
      /exited \(3\) before .*never said.*\n(?:.*\n)*listening/,
    );
  });

  test("fails a wait after its time-out", async () => {
    await using talking = await startNode(talker);
    await expect(talking.waitForLine(/never said/, 1)).rejects.toThrow("1 ms passed");
  });

  test("that cannot be started is an error", async () => {
    await expect(start("millrace-no-such-program", [])).rejects.toThrow("ENOENT");
  });
});

test("waitUntil returns what was found, and names what was not", async () => {
  let looks = 0;
  expect(await waitUntil("the third look", () => ++looks === 3 && "found")).toBe("found");
  await expect(waitUntil("the impossible", () => undefined, 1)).rejects.toThrow("the impossible");
});

test("a free port has no listener", async () => {
  const port = await freePort();
  const refused = await new Promise<string>((resolve) => {
    connect(port, "127.0.0.1").once("error", (error) => {
      resolve(error.message);
    });
  });
  expect(refused).toContain("ECONNREFUSED");
});

test("a temp folder is gone after its block", async () => {
  let path = "";
  {
    await using folder = await tempFolder();
    path = folder.path;
    await access(path);
  }
  await expect(access(path)).rejects.toThrow("ENOENT");
});
