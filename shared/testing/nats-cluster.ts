// Three real nats-servers that are one JetStream cluster.
import { freePort } from "./free-port.ts";
import { type NatsHome, type NatsOptions, type NatsServer, prepareNats } from "./nats-server.ts";
import { waitUntil } from "./wait-until.ts";

const SERVERS = 3;

/** Where one of the three is, for a cluster that is to be found again. */
export interface ClusterHome extends NatsHome {
  /** Where the other servers reach it. */
  readonly routePort: number;
}

/** Starts three servers and waits until they are a cluster. `await using` ends them and removes their data. */
export async function startNatsCluster(
  options: NatsOptions = {},
  homes?: readonly ClusterHome[],
): Promise<NatsCluster> {
  const ports: number[] = homes?.map(({ routePort }) => routePort) ?? [];
  while (ports.length < SERVERS) ports.push(await freePort());
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  const servers = await Promise.all(
    ports.map((port, ordinal) =>
      prepareNats(options, {
        name: `nats-${ordinal + 1}`,
        config: `cluster { name: test, listen: "127.0.0.1:${port}", routes: [${routes}] }`,
        ...(homes?.[ordinal] !== undefined && { home: homes[ordinal] }),
      }),
    ),
  );
  const cluster = new NatsCluster(servers);
  await cluster.start();
  return cluster;
}

export class NatsCluster implements AsyncDisposable {
  readonly servers: readonly NatsServer[];

  constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Host and port of every server. */
  get addresses(): readonly string[] {
    return this.servers.map(({ address }) => address);
  }

  /** Starts every server that is not running, and waits until the cluster is {@link ready}. */
  async start(): Promise<void> {
    await Promise.all(this.servers.filter(({ isRunning }) => !isRunning).map((server) => server.launch()));
    await this.ready();
  }

  /** Waits until JetStream has a leader, and the leader says that the other servers follow it and are up to date. */
  async ready(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.healthy()));
    await waitUntil("a leader of JetStream with all servers up to date", async () => {
      for (const server of this.servers) {
        const meta = field(await server.monitor("jsz"), "meta_cluster");
        if (field(meta, "leader") !== server.name) continue;
        const others = list(meta, "replicas");
        return others.length === SERVERS - 1 && others.every((other) => isUpToDate(other));
      }
      return false;
    });
  }

  /** Waits until the stream has a leader, and all its other servers are up to date with it. */
  async streamReady(stream: string): Promise<void> {
    await waitUntil(`the stream ${stream} to have a leader with all others up to date`, async () => {
      const leader = await this.#leaderOf(stream);
      return leader !== undefined && list(leader.cluster, "replicas").every((other) => isUpToDate(other));
    });
  }

  /** The server that leads a stream, of any account; waits until there is one. */
  async leader(stream: string): Promise<NatsServer> {
    const found = await waitUntil(`a leader of the stream ${stream}`, () => this.#leaderOf(stream));
    return found.server;
  }

  /** The servers that do not lead the stream. */
  async followers(stream: string): Promise<readonly NatsServer[]> {
    const leader = await this.leader(stream);
    return this.servers.filter((server) => server !== leader);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()));
  }

  /** Only a server that believes to lead it is asked: the others repeat what they heard. */
  async #leaderOf(stream: string): Promise<{ readonly server: NatsServer; readonly cluster: unknown } | undefined> {
    for (const server of this.servers) {
      if (!server.isRunning) continue;
      const accounts = list(await server.monitor("jsz?streams=true"), "account_details");
      const streams = accounts.flatMap((account) => list(account, "stream_detail"));
      const found = streams.find((candidate) => field(candidate, "name") === stream);
      const cluster = field(found, "cluster");
      if (field(cluster, "leader") === server.name) return { server, cluster };
    }
    return undefined;
  }
}

function isUpToDate(replica: unknown): boolean {
  return field(replica, "current") === true && field(replica, "offline") !== true;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
}
