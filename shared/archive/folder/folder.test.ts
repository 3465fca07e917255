import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { start } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, test } from "vitest";
import { openFolderArchive } from "./folder-archive.ts";

const PUT = fileURLToPath(new URL("testdata/put.ts", import.meta.url));

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).toSorted();
}

test("a file holds the bytes as they are, then what they are checked by", async () => {
  await using folder = await tempFolder();
  const archive = await openFolderArchive(folder.path);
  await archive.put("snapshots/3/41", once("the bytes"));
  const file = await readFile(join(folder.path, "snapshots", "3", "41.archive"));
  expect(file.subarray(0, 17).toString()).toBe("the bytesMRARCH01");
  expect(file.length).toBe(9 + 56);
});

test("I9: what is dropped leaves no empty directories, and what breaks off no file", async () => {
  await using folder = await tempFolder();
  const archive = await openFolderArchive(folder.path);
  await archive.put("a/b/c", once("1"));
  await archive.put("a/d", once("2"));
  await archive.drop("a/b/c");
  expect(await filesIn(folder.path)).toEqual(["a", "a/d.archive"]);
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield* once("some");
    throw new Error("broken off");
  }
  await expect(archive.put("a/e", broken())).rejects.toThrow("broken off");
  expect(await filesIn(folder.path)).toEqual(["a", "a/d.archive"]);
});

test("I9: what a crash left half-written goes at the next opening, unless it may still be written to", async () => {
  await using folder = await tempFolder();
  await mkdir(join(folder.path, "a"));
  const [left, busy] = ["x.archive.0123abcd", "y.archive.0123abcd"].map((name) => join(folder.path, "a", name));
  for (const path of [left ?? "", busy ?? "", join(folder.path, "notes.txt")]) await writeFile(path, "half");
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000);
  await utimes(left ?? "", longAgo, longAgo);
  const archive = await openFolderArchive(folder.path);
  expect(await filesIn(folder.path)).toEqual(["a", "a/y.archive.0123abcd", "notes.txt"]);
  expect(await archive.list("")).toEqual([]);
});

test("a file that is not whole is listed all the same", async () => {
  await using folder = await tempFolder();
  const archive = await openFolderArchive(folder.path);
  await writeFile(join(folder.path, "tiny.archive"), "?");
  expect(await archive.list("")).toMatchObject([{ name: "tiny", bytes: 1 }]);
});

test("I9: no room is said as such, and leaves nothing behind", async () => {
  await using folder = await tempFolder();
  const put = async (bytes: number): Promise<string> => {
    // 512 blocks of 1,024 bytes; the shell's limit is on single files, which is room enough to run out of.
    const script = `ulimit -f 512; exec "$0" "$@"`;
    await using child = await start("bash", ["-c", script, process.execPath, PUT, folder.path, "a/b", String(bytes)]);
    return (await child.waitForLine(/^(?:put|\w+: ).*/))[0];
  };
  expect(await put(400_000)).toBe("put 400000");
  expect(await put(800_000)).toMatch(/^ArchiveFull: no room for a\/b behind \d+ bytes$/);
  expect(await filesIn(folder.path)).toEqual(["a", "a/b.archive"]);
});
