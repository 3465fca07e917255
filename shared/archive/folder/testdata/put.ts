// Puts as many bytes as it is told into an archive: `put.ts <folder> <name> <bytes>`. Says what came of it.
import { openFolderArchive } from "../folder-archive.ts";

const [folder = "", name = "", bytes = "0"] = process.argv.slice(2);

// Then a file over the process's limit is an error of the write, not the end of the process.
process.on("SIGXFSZ", () => {});

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (let left = Number(bytes); left > 0; left -= 65_536) yield await Promise.resolve(Buffer.alloc(Math.min(left, 65_536), "x"));
}

const archive = await openFolderArchive(folder);
try {
  const archived = await archive.put(name, chunks());
  process.stdout.write(`put ${archived.bytes}\n`);
} catch (error: unknown) {
  process.stdout.write(`${String(error)}\n`);
}
