// The one composition of a process of a cluster: whatever its roles need, over NATS.
//
//   gateway ── RemoteShards ──┬── its own shards, called directly
//                             └── bus ──► ShardServer ── Shard   in any process with the role `node`
//   NodeAgent ◄── the map ◄── control, a thread of its own, which beats, elects and coordinates
//
// Stopping goes the other way round: calls and workers first, then shards are handed over, then the others are told.
import { openNatsArchive } from "@millrace/archive/nats/nats-archive.ts";
import { openNatsBlobs } from "@millrace/blobs/nats/nats-blobs.ts";
import type { Bus } from "@millrace/bus/bus.ts";
import { openNatsBus } from "@millrace/bus/nats/nats-bus.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { Config } from "@millrace/config/config.ts";
import { mintProcessId } from "@millrace/core/process-id.ts";
import type { Gateway } from "@millrace/gateway/gateway.ts";
import { openJetStreamLedger } from "@millrace/journal/jetstream/ledger.ts";
import { inspectServers } from "@millrace/journal/jetstream/servers.ts";
import { ensureStreams, type JournalStreams } from "@millrace/journal/jetstream/streams.ts";
import { openNatsKv } from "@millrace/kv/nats/nats-kv.ts";
import { type LinkSubjects, RemoteShards } from "@millrace/link/bus/remote-shards.ts";
import { SUSPECT_SUBJECT } from "@millrace/membership/subjects.ts";
import { printSuspicion } from "@millrace/membership/suspicion.ts";
import { startControlThread } from "@millrace/membership/thread/control-thread.ts";
import { BEAT_MS } from "@millrace/membership/timing.ts";
import { processName, type ShardId } from "@millrace/model/ids.ts";
import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import type { NatsSettings } from "@millrace/nats/settings.ts";
import { JournaledRegistry } from "@millrace/shard-host/registry/registry.ts";
import { EventLoopWatch } from "@millrace/telemetry/event-loop.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import { createMetrics } from "@millrace/telemetry/metrics.ts";
import { type ClusterParts, StartRefused } from "./cluster-parts.ts";
import { printControlSettings } from "./control-settings.ts";
import { lockFolder } from "./folder-lock.ts";
import { observeMembership, sampleMembership } from "./observe-cluster.ts";
import { startEdge } from "./start-edge.ts";
import { startNode } from "./start-node.ts";

/** The versions of what processes say to each other that this build speaks. */
const VERSIONS = { min: 1, max: 1 };

const SUBJECTS: LinkSubjects = { shard: (id) => `shard.${id}`, owner: "owner" };

/** A running process of a cluster. */
export interface ClusterServer {
  /** null = it is no gateway. */
  readonly gateway: Gateway | null;
  /** Resolves when it cannot be one of the cluster any more, with the reason: it must be stopped then. */
  readonly ended: Promise<string>;
  /**
   * Takes in nothing more, finishes what is under way for at most the configured grace, hands its shards over, and leaves.
   */
  stop(): Promise<void>;
}

/** Starts everything. Rejects when NATS, a folder or an address cannot be had; nothing keeps running then. */
export async function startClustered(config: Config, log: Log): Promise<ClusterServer> {
  const endings = new AsyncDisposableStack();
  try {
    return await compose(config, log, endings);
  } catch (error: unknown) {
    await endings.disposeAsync();
    throw error;
  }
}

async function compose(config: Config, log: Log, endings: AsyncDisposableStack): Promise<ClusterServer> {
  const { nats, cluster, storage } = config;
  const id = mintProcessId(processName(cluster.name), systemClock.random32(), systemClock.random32());
  endings.defer(await lockFolder(storage.folder));
  const metrics = createMetrics();
  const loopWatch = new EventLoopWatch();
  metrics.sample(() => metrics.setEventLoop(loopWatch.read()));
  endings.defer(() => loopWatch.stop());
  const settings: NatsSettings = { ...nats, name: id };
  const client = await connectNats(settings, (problem) => log.warn("NATS complains.", { error: problem.message }));
  endings.defer(() => closeNats(client));
  const streams = { prefix: nats.prefix, streams: nats.streams, replicas: nats.replicas, bytesMax: null };
  await ensureStreams(client.connection, streams);
  await warnOfServers(client, streams, log);
  const bus = openNatsBus(client);
  endings.defer(() => bus.close());
  const registry = await JournaledRegistry.open(openJetStreamLedger(client, nats), systemClock);
  endings.defer(() => registry.close());
  const ended = Promise.withResolvers<string>();
  const membership = startControlThread({
    identity: { process: id, roles: cluster.roles, versions: VERSIONS },
    layout: { shards: cluster.shards, streams: nats.streams },
    entry: new URL("control-thread.ts", import.meta.url),
    settings: printControlSettings({ nats: { ...settings, name: `${id} control` }, replicas: nats.replicas }),
    observer: observeMembership(log, ended.resolve),
  });
  endings.defer(() => membership.stop());
  if (!(await membership.joined)) throw new StartRefused(await ended.promise);
  sampleMembership(membership, metrics);
  const parts: ClusterParts = { config, log, metrics, client, bus, membership, registry, subjects: SUBJECTS, endings };
  const gateway = await serveRoles(parts);
  return {
    gateway,
    ended: ended.promise,
    stop: () => endings.disposeAsync(),
  };
}

async function serveRoles(parts: ClusterParts): Promise<Gateway | null> {
  const { config, client, bus, membership, subjects, endings } = parts;
  const { roles } = config.cluster;
  const blobs = await openNatsBlobs(client, config.nats.replicas);
  endings.defer(() => blobs.close());
  const { process } = membership;
  const shards = new RemoteShards({ bus, clock: systemClock, subjects, process, suspect: suspector(bus) });
  endings.defer(() => shards.close());
  const unfollow = membership.followMap((map) =>
    shards.route(map.shards.map(({ id, from, until }) => ({ shard: id, from, until }))),
  );
  endings.defer(unfollow);
  if (roles.includes("node")) {
    const kv = await openNatsKv(client, config.nats.replicas);
    endings.defer(() => kv.close());
    const archive = await openNatsArchive(client, config.nats.replicas);
    startNode({ ...parts, blobs, kv, archive, shards });
  }
  return startEdge({ ...parts, blobs, shards });
}

/** Tells the coordinator of shards that nobody serves, and not more often than it can do anything about them. */
function suspector(bus: Bus): (shard: ShardId) => void {
  const toldMs = new Map<ShardId, number>();
  return (shard) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - (toldMs.get(shard) ?? Number.NEGATIVE_INFINITY) < BEAT_MS) return;
    toldMs.set(shard, nowMs);
    bus.publish(SUSPECT_SUBJECT, printSuspicion({ shard }));
  };
}

/** Says what about NATS could lose what was acked. It is the operator's to decide, and the log's to remember. */
async function warnOfServers({ connection }: NatsClient, streams: JournalStreams, log: Log): Promise<void> {
  for (const { message, certainty } of await inspectServers(connection, streams)) {
    if (certainty === "unsafe") log.warn("NATS may lose what it acked.", { error: message });
    else log.info("NATS does not tell whether it is safe.", { error: message });
  }
}
