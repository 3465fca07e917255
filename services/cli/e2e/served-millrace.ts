// A server as users start it, and the millrace command against it.
import { join } from "node:path";
import { type StartedProcess, startNode } from "@millrace/testing/process.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";

export const MAIN = join(ROOT, "services/cli/main.ts");

/** How long a start may take on a machine that does other things as well. */
const READY_MS = 60_000;

/** What a command printed and how it ended. Both streams are in `text`. */
export interface Finished {
  readonly code: number | null;
  readonly text: string;
}

/** Runs the command and waits for its end. */
export async function millrace(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const command = await startNode(MAIN, args, { env });
  const { code } = await command.exited;
  return { code, text: command.lines.join("\n") };
}

export class ServedMillrace implements AsyncDisposable {
  readonly folder: TempFolder;
  readonly address: string;
  readonly http: string;
  readonly #server: StartedProcess;

  private constructor(folder: TempFolder, server: StartedProcess, addresses: RegExpMatchArray) {
    this.folder = folder;
    this.#server = server;
    this.address = addresses[1] ?? "";
    this.http = addresses[2] ?? "";
  }

  static async start(...flags: readonly string[]): Promise<ServedMillrace> {
    const folder = await tempFolder();
    const args = ["start", "--data", join(folder.path, "data"), "--grpc-port", "0", "--http-port", "0"];
    const server = await startNode(MAIN, [...args, "--log-level", "warn", ...flags]);
    const addresses = await server.waitForLine(/serves gRPC on (\S+) and HTTP on (\S+)\. /, READY_MS);
    return new ServedMillrace(folder, server, addresses);
  }

  /** The command against this server. */
  run(...args: readonly string[]): Promise<Finished> {
    return millrace(args, { MILLRACE_ADDRESS: this.address });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.kill();
    await this.folder[Symbol.asyncDispose]();
  }
}
