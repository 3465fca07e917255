import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { start, startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("./testdata/fill-disk.ts", import.meta.url));

/** A small file system of one's own needs a mount; Linux grants it to anyone in a user namespace, unless told not to. */
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

/** Runs the program where its folder holds 100 MiB, or, where that cannot be had, as much as there is. */
async function fill(folder: string): Promise<unknown> {
  const script = 'mount -t tmpfs -o size=100m tmpfs "$1" && exec "$2" "$3" "$1" small';
  const args = ["-rm", "sh", "-c", script, "sh", folder, process.execPath, PROGRAM];
  await using filling = canMount ? await start("unshare", args) : await startNode(PROGRAM, [folder, "large"]);
  const [said] = await filling.waitForLine(/^\{.*\}$/);
  return JSON.parse(said);
}

it("I9: says `full` on a full disk, keeps what it has, and writes again when there is room", async () => {
  await using folder = await tempFolder();
  const onFull = canMount ? "full" : "written";
  expect(await fill(folder.path)).toEqual({
    outcomes: ["written", onFull, "written", onFull],
    kept: [true, !canMount, true, !canMount],
  });
});
