// A whole cluster of real processes under steady load, and what can befall its parts.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as passed } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Prng } from "@millrace/clock/prng.ts";
import { type Client, createClient } from "@millrace/sdk/client/client.ts";
import { type NatsCluster, startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { type Audit, audit } from "../crash/audit.ts";
import { type ClientLine, Load } from "../crash/load.ts";
import { CRASH_WORKFLOWS } from "../crash/workflows.ts";
import { ClusterProcess } from "./cluster-process.ts";

const WORKER = fileURLToPath(new URL("../crash/worker.ts", import.meta.url));

const NODES = ["one", "two", "three"] as const;
const WORKERS = 2;
const SHARDS = 6;
/** Runs that must end while something is missing, and again once it is back: safety without progress proves little. */
const PROGRESS = 40;
/** How long a process stands still: well past its lease, and past when it counts as lost. */
const FROZEN_MS = 2_500;

export const TROUBLES = ["node killed", "node stopped", "node frozen", "server killed", "all killed"] as const;
export type Trouble = (typeof TROUBLES)[number];

export interface ClusterUnderLoadOptions {
  readonly seed: number;
  /** Runs on their way. */
  readonly inFlight: number;
}

/** Three NATS servers, three processes with all roles, two workers, and a client that keeps account. */
export class ClusterUnderLoad implements AsyncDisposable {
  readonly nodes: readonly ClusterProcess[];
  readonly nats: NatsCluster;
  readonly load: Load;
  readonly #client: Client;
  readonly #logs: { readonly clientLog: string; readonly workerLog: string };
  readonly #prng: Prng;
  readonly #parts: AsyncDisposableStack;

  private constructor(parts: Parts) {
    this.nodes = parts.nodes;
    this.nats = parts.nats;
    this.load = parts.load;
    this.#client = parts.client;
    this.#logs = parts.logs;
    this.#prng = parts.prng;
    this.#parts = parts.stack;
  }

  static async start({ seed, inFlight }: ClusterUnderLoadOptions): Promise<ClusterUnderLoad> {
    await using started = new AsyncDisposableStack();
    const prng = new Prng(seed);
    const folder = started.use(await tempFolder());
    const nats = started.use(await startNatsCluster());
    const place = { folder: folder.path, nats: nats.addresses, replicas: 3, shards: SHARDS } as const;
    const nodes = await Promise.all(NODES.map((name) => ClusterProcess.at(place, name)));
    for (const node of nodes) started.use(node);
    await Promise.all(nodes.map((node) => node.start()));
    const address = `ipv4:${nodes.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;
    const logs = { clientLog: join(folder.path, "client.jsonl"), workerLog: join(folder.path, "worker.jsonl") };
    for (let more = 0; more < WORKERS; more++) {
      const worker = started.use(await startNode(WORKER, [address, logs.workerLog]));
      await worker.waitForLine(/is connected/);
    }
    const client = createClient({ address, timeoutMs: 30_000 });
    for (const { source } of CRASH_WORKFLOWS) await client.registerWorkflow(source);
    const load = new Load({ client, prng: prng.fork(), log: logs.clientLog, inFlight });
    await load.endedMore(PROGRESS);
    return new ClusterUnderLoad({ nodes, nats, load, client, logs, prng, stack: started.move() });
  }

  /** Lets something befall a part drawn by the seed, sees runs end meanwhile and afterwards, and makes it good again. */
  async suffer(trouble: Trouble): Promise<void> {
    const node = this.#drawn(this.nodes);
    switch (trouble) {
      case "node killed":
      case "node stopped":
        await node.kill(trouble === "node killed" ? "SIGKILL" : "SIGTERM");
        await this.load.endedMore(PROGRESS);
        await node.start();
        break;
      case "node frozen":
        node.signal("SIGSTOP");
        await passed(FROZEN_MS);
        node.signal("SIGCONT");
        break;
      case "server killed":
        await this.#drawn(this.nats.servers).kill();
        await this.load.endedMore(PROGRESS);
        await this.nats.start();
        break;
      case "all killed":
        await Promise.all([...this.nodes, ...this.nats.servers].map((part) => part.kill()));
        await this.nats.start();
        await Promise.all(this.nodes.map((each) => each.start()));
        break;
    }
    await this.load.endedMore(PROGRESS);
  }

  /** A trouble drawn by the seed. */
  draw(): Trouble {
    return this.#drawn(TROUBLES);
  }

  /** Resolves when everything has ended that was begun; nothing more is. */
  async finish(): Promise<void> {
    await this.load.finish();
  }

  /** Holds what the cluster says against what client and workers logged. */
  audit(): Promise<Audit> {
    return audit({ client: this.#client, ...this.#logs });
  }

  /** Adds to the client's log what no client was told. */
  async forge(line: ClientLine): Promise<void> {
    await appendFile(this.#logs.clientLog, `${JSON.stringify(line)}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#parts.disposeAsync();
  }

  #drawn<Part>(parts: readonly Part[]): Part {
    const part = parts[this.#prng.below(parts.length)];
    if (part === undefined) throw new Error("There is nothing to draw from.");
    return part;
  }
}

interface Parts {
  readonly nodes: readonly ClusterProcess[];
  readonly nats: NatsCluster;
  readonly load: Load;
  readonly client: Client;
  readonly logs: { readonly clientLog: string; readonly workerLog: string };
  readonly prng: Prng;
  readonly stack: AsyncDisposableStack;
}
