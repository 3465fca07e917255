// One real nats-server on loopback with JetStream in a folder of its own: start it, stop it, kill it, freeze it, start
// it again on the same data. `nats-cluster.ts` makes three of them one cluster.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { type StartedProcess, start } from "./process.ts";
import { ROOT } from "./repository.ts";
import { type TempFolder, tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const PROGRAM = join(ROOT, ".cache/bin/nats-server");

/** How long the monitoring port may take to answer: a frozen server never does. */
const ANSWER_MS = 2_000;

export interface NatsOptions {
  /** Configuration to go with the harness's own: `authorization {…}`, `tls {…}`, `accounts {…}`, `max_payload: …`. */
  readonly config?: string;
  /** When JetStream syncs what it wrote. Default `always`: before it acks. */
  readonly syncInterval?: string;
  /** What all streams together may hold, bytes. Default 1 GiB. */
  readonly storeBytesMax?: number;
  /** In process groups of their own (`StartOptions.apart`). Default false. */
  readonly apart?: boolean;
}

/** Where a server keeps its data and listens, in every life. */
export interface NatsHome {
  readonly folder: TempFolder;
  readonly ports: { readonly client: number; readonly monitor: number };
}

/** What a cluster adds to a server's configuration. */
interface Place {
  readonly name: string;
  readonly config: string;
  /** Default: a temporary folder and free ports. */
  readonly home?: NatsHome;
}

/** Starts one server and waits until it serves JetStream. `await using` ends it and removes its data. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const server = await prepareNats(options, { name: "nats", config: "" });
  await server.start();
  return server;
}

/** A server with its folder and ports, not started. */
export async function prepareNats(options: NatsOptions, place: Place): Promise<NatsServer> {
  if (!existsSync(PROGRAM)) throw new Error("There is no nats-server in .cache/bin: run `make nats-server`.");
  const home = place.home ?? (await temporaryHome());
  const { folder, ports } = home;
  const text = [
    `server_name: ${place.name}`,
    "host: 127.0.0.1",
    `port: ${ports.client}`,
    `http: "127.0.0.1:${ports.monitor}"`,
    `jetstream { store_dir: "${folder.path}", sync_interval: ${options.syncInterval ?? "always"}`,
    `  max_file_store: ${options.storeBytesMax ?? 2 ** 30}, max_memory_store: ${2 ** 26} }`,
    place.config,
    options.config ?? "",
  ].join("\n");
  await writeFile(join(folder.path, "nats.conf"), text);
  return new NatsServer(place.name, home, options.apart ?? false);
}

async function temporaryHome(): Promise<NatsHome> {
  return { folder: await tempFolder(), ports: { client: await freePort(), monitor: await freePort() } };
}

export class NatsServer implements AsyncDisposable {
  readonly name: string;
  /** Host and port for clients; the same in every life. */
  readonly address: string;
  readonly #folder: TempFolder;
  readonly #monitor: string;
  readonly #apart: boolean;
  #process: StartedProcess | null = null;

  constructor(name: string, { folder, ports }: NatsHome, apart: boolean) {
    this.name = name;
    this.#apart = apart;
    this.#folder = folder;
    this.address = `127.0.0.1:${ports.client}`;
    this.#monitor = `http://127.0.0.1:${ports.monitor}`;
  }

  /** What it printed in this life. */
  get lines(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  /** undefined = it is not running. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  /** The folder of a stream's blocks (`1.blk`, `2.blk`, …) on this server; by default of the account without a name. */
  blocksFolder(stream: string, account = "$G"): string {
    return join(this.#folder.path, "jetstream", account, "streams", stream, "msgs");
  }

  /** Starts it on the data that the last life left, and waits until it is healthy: it serves JetStream and has caught up. */
  async start(): Promise<void> {
    await this.launch();
    await this.healthy();
  }

  /** Starts it and waits only until it listens: for one server of a cluster that is healthy when others listen, too. */
  async launch(): Promise<void> {
    if (this.#process !== null) throw new Error(`The server ${this.name} is running already.`);
    const args = ["--config", join(this.#folder.path, "nats.conf")];
    this.#process = await start(PROGRAM, args, { apart: this.#apart });
    await this.#process.waitForLine(/Listening for client connections/);
  }

  /** Waits until it says that it is healthy. */
  async healthy(): Promise<void> {
    await waitUntil(`the server ${this.name} to be healthy`, async () => {
      if (this.#process === null) throw new Error(`The server ${this.name} is not running.`);
      return (await this.monitor("healthz")) !== undefined;
    });
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it as a crash would: nothing more is written. The operating system keeps what was. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Stops all its threads, and returns when they stand still: connections stay open, and nobody answers. */
  freeze(): void {
    const { pid } = this.#running();
    this.#running().signal("SIGSTOP");
    const giveUpMs = performance.now() + ANSWER_MS;
    while (!hasStopped(pid)) {
      if (performance.now() > giveUpMs)
        throw new Error(`The server ${this.name} does not stop within ${ANSWER_MS} ms.`);
    }
  }

  thaw(): void {
    this.#running().signal("SIGCONT");
  }

  /** Stops it and starts it again on the same data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** What a page of the monitoring port says; undefined = it does not answer, or says that it is not well. */
  async monitor(page: string): Promise<unknown> {
    try {
      const response = await fetch(`${this.#monitor}/${page}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== null) await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running();
    // A frozen process would keep any signal but SIGKILL for later.
    running.signal("SIGCONT");
    await running.kill(signal);
    this.#process = null;
  }

  #running(): StartedProcess {
    if (this.#process === null) throw new Error(`The server ${this.name} is not running.`);
    return this.#process;
  }
}

/** Whether every thread of a process has stopped, where the system tells (Linux); elsewhere it is taken for granted. */
function hasStopped(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  if (!existsSync(threads)) return true;
  return readdirSync(threads).every((thread) => {
    const stat = readFileSync(`${threads}/${thread}/stat`, "utf8");
    // The state stands behind the program's name, which is in parentheses.
    return stat.startsWith("T", stat.lastIndexOf(")") + 2);
  });
}
