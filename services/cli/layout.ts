// What a data folder is: written once, read at every start.
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

/** The folder was laid out otherwise than asked. */
export class LayoutMismatch extends Error {
  override readonly name = "LayoutMismatch";
}

/** The version of the folder's layout that this build reads and writes. */
const FORMAT = 1;

/** Makes the folder if there is none; rejects with {@link LayoutMismatch} if it has another format or number of shards. */
export async function settleLayout(folder: string, shards: number): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, "layout.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  if (text === undefined) return writeDurably(file, `${JSON.stringify({ format: FORMAT, shards })}\n`);
  const layout = parseLayout(text);
  if (layout === undefined)
    throw new LayoutMismatch(`${file} is damaged. Restore it: {"format":${FORMAT},"shards":…}, or use another folder.`);
  if (layout.format !== FORMAT)
    throw new LayoutMismatch(
      `${folder} has format ${layout.format}; this build knows ${FORMAT}. Use the build that wrote it.`,
    );
  if (layout.shards !== shards)
    throw new LayoutMismatch(
      `${folder} has ${layout.shards} shards, storage.shards says ${shards}. Set storage.shards to ${layout.shards}, or use another folder.`,
    );
}

interface Layout {
  readonly format: number;
  readonly shards: number;
}

function parseLayout(text: string): Layout | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || !("format" in value) || !("shards" in value)) return undefined;
    const { format, shards } = value;
    return typeof format === "number" && typeof shards === "number" ? { format, shards } : undefined;
  } catch {
    return undefined;
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.new`, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await handle.close();
  await rename(`${file}.new`, file);
}
