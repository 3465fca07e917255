// What a process has used so far, from Linux's own accounting.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Linux counts processor time in hundredths of a second, whatever the machine. */
const TICK_MS = 10;

/** Processor time of a process, user and system, all threads, ms. */
export async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Anonymous memory of a process, bytes: heaps and buffers, without mapped files. */
export async function anonymousBytes(pid: number): Promise<number> {
  const match = /^RssAnon:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "latin1"));
  return Number(match?.[1] ?? 0) * 1024;
}

/** Bytes that the files below a folder take on disk. */
export async function diskBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const { blocks } = await stat(join(entry.parentPath, entry.name));
    bytes += blocks * 512;
  }
  return bytes;
}

/** A counter or gauge of the server, from its /metrics. */
export async function metric(httpAddress: string, name: string): Promise<number> {
  const text = await (await fetch(`${httpAddress}/metrics`)).text();
  let sum = 0;
  for (const line of text.split("\n"))
    if (line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
      sum += Number(line.slice(line.lastIndexOf(" ")));
  return sum;
}
