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
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return writeDurably(file, `${JSON.stringify({ format: FORMAT, shards })}\n`);
  const layout: { readonly format?: unknown; readonly shards?: unknown } = JSON.parse(text);
  if (layout.format !== FORMAT)
    throw new LayoutMismatch(
      `${folder} has format ${String(layout.format)}; this build knows ${FORMAT}. Use the build that wrote it.`,
    );
  if (layout.shards !== shards)
    throw new LayoutMismatch(
      `${folder} has ${String(layout.shards)} shards, storage.shards says ${shards}. Set storage.shards to ${String(layout.shards)}, or use another folder.`,
    );
}

async function writeDurably(file: string, text: string): Promise<void> {
  const handle = await open(`${file}.new`, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
  await handle.close();
  await rename(`${file}.new`, file);
}
