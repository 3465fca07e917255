import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { start } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";

const PROGRAM = fileURLToPath(new URL("./testdata/fill-disk.ts", import.meta.url));

/** A small file system of one's own needs a mount; Linux grants it to anyone in a user namespace, unless told not to. */
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

it.skipIf(!canMount)(
  "I9: says `full` on a full disk, keeps what it has, and writes again when there is room",
  async () => {
    await using folder = await tempFolder();
    const script = 'mount -t tmpfs -o size=100m tmpfs "$1" && exec "$2" "$3" "$1"';
    const args = ["-rm", "sh", "-c", script, "sh", folder.path, process.execPath, PROGRAM];
    await using filling = await start("unshare", args);
    const [said] = await filling.waitForLine(/^\{.*\}$/);
    expect(JSON.parse(said)).toEqual({
      outcomes: ["written", "full", "written", "full"],
      kept: [true, false, true, false],
    });
  },
);
