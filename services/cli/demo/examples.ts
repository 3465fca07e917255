// The workflows in examples/: found on disk, and registered.
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Client } from "@millrace/sdk/client/client.ts";

const FOLDER = new URL("../../../examples/", import.meta.url);

/** Where the examples say that their service listens. */
export const SERVICE_PORT_DEFAULT = 7402;

/** A file of the examples. */
export function exampleFile(path: string): string {
  return fileURLToPath(new URL(path, FOLDER));
}

/** Registers every workflow in every `NN-name`, with the service's port in it; names and versions, in the files' order. */
export async function registerExamples(client: Client, servicePort: number): Promise<string[]> {
  const folders = await readdir(FOLDER);
  const registered: string[] = [];
  for (const folder of folders.filter((name) => /^\d\d-/.test(name)).sort()) {
    const files = (await readdir(new URL(`${folder}/`, FOLDER))).filter((name) => name.endsWith(".yaml"));
    for (const file of files.sort()) {
      const source = await readFile(new URL(`${folder}/${file}`, FOLDER), "utf8");
      const { workflow } = await client.registerWorkflow(
        source.replaceAll(`//127.0.0.1:${SERVICE_PORT_DEFAULT}/`, `//127.0.0.1:${servicePort}/`),
      );
      registered.push(`${workflow.name} v${workflow.version}`);
    }
  }
  return registered;
}
