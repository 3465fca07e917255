// The one composition of the embedded server: every part of Millrace in one process, durable in one folder.
//
//   <folder>/layout.json            what the folder is and how many shards it has, for ever
//   <folder>/registry/              journal of definitions
//   <folder>/shards/<n>/journal/    the truth about the runs of a shard
//   <folder>/shards/<n>/store/      their folded state
//   <folder>/blobs/                 large payloads
import { hostname } from "node:os";
import { join } from "node:path";
import { openFolderBlobs } from "@millrace/blobs/folder/folder-blobs.ts";
import { systemClock } from "@millrace/clock/system.ts";
import type { Config } from "@millrace/config/config.ts";
import { startConnectors } from "@millrace/connectors/connectors.ts";
import { type Gateway, startGateway } from "@millrace/gateway/gateway.ts";
import { openFileJournal } from "@millrace/journal/file/open.ts";
import { soleWriter } from "@millrace/journal/sole-writer.ts";
import { shardId } from "@millrace/model/ids.ts";
import type { FindDefinition } from "@millrace/shard-host/decider.ts";
import { Node } from "@millrace/shard-host/node.ts";
import { JournaledRegistry } from "@millrace/shard-host/registry/registry.ts";
import { Retention } from "@millrace/shard-host/retention/retention.ts";
import { Shard } from "@millrace/shard-host/shard.ts";
import { EventLoopWatch } from "@millrace/telemetry/event-loop.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import { createMetrics } from "@millrace/telemetry/metrics.ts";
import { foldersOf, opened, openStore } from "./damage.ts";
import { settleLayout } from "./layout.ts";
import { loneCluster } from "./lone-cluster.ts";
import { observeShard, sampleShards } from "./observe.ts";

/** A running server. */
export interface Server {
  readonly gateway: Gateway;
  /** Stops taking in, finishes what is under way for at most the configured grace, and makes everything durable. */
  stop(): Promise<void>;
}

export interface ComposeParts {
  readonly config: Config;
  readonly log: Log;
  /** Hears how recovery comes along: records read so far, over all shards. */
  readonly progress: (records: number) => void;
}

/** Starts everything. Rejects when a folder, file or address cannot be had; nothing keeps running then. */
export async function startServer({ config, log, progress }: ComposeParts): Promise<Server> {
  const { folder, shards: shardCount, retentionMs } = config.storage;
  await settleLayout(folder, shardCount);
  const metrics = createMetrics();
  const loopWatch = new EventLoopWatch();
  metrics.sample(() => metrics.setEventLoop(loopWatch.read()));
  const registryFolder = join(folder, "registry");
  const homeOf = (shard: number): string => join(folder, "shards", String(shard));
  const [registry, blobs] = await Promise.all([
    opened(
      registryFolder,
      JournaledRegistry.open(
        soleWriter(() => openFileJournal(registryFolder)),
        systemClock,
      ),
    ),
    openFolderBlobs(join(folder, "blobs")),
  ]);
  const findDefinition: FindDefinition = (tenant, name, version) => registry.get(tenant, name, version);
  const openShard = async (index: number): Promise<Shard> => {
    const folders = foldersOf(homeOf(index));
    return new Shard({
      id: shardId(index),
      node: hostname(),
      openJournal: () => openFileJournal(folders.journal),
      store: await openStore(folders, { retentionMs }, log),
      blobs,
      clock: systemClock,
      findDefinition,
      submit: (origin, batch) => node.submit(origin, batch),
      // The folder is locked: no other process can have the journal.
      leased: () => true,
      terms: null,
      observer: observeShard(index, { log, metrics, progress }),
    });
  };
  const node = new Node(await Promise.all(Array.from({ length: shardCount }, (_, index) => openShard(index))));
  await Promise.all(node.shards.map((shard, index) => opened(homeOf(index), shard.open())));
  sampleShards(() => node.shards.entries(), metrics);
  const failed = (error: unknown): void => log.warn("Retention did not get through; it is tried again.", { error });
  const retention = new Retention({ shards: node, blobs, clock: systemClock, failed });
  const gateway = await startGateway({
    shards: node,
    registry,
    blobs,
    cluster: loneCluster(config.cluster.name, node.shards),
    clock: systemClock,
    log: log.with({}),
    metrics,
    listen: config.gateway,
  });
  const connectors = startConnectors({
    address: gateway.grpcAddress,
    capacity: config.connectors.capacity,
    http: { allow: config.connectors.httpAllow, ownPorts: gateway.ports },
  });
  return {
    gateway,
    stop: async () => {
      await connectors.stop({ timeoutMs: config.gateway.stopGraceMs });
      await gateway.stop(config.gateway.stopGraceMs);
      await retention.stop();
      await node.stop();
      await Promise.all([registry.close(), blobs.close()]);
      loopWatch.stop();
    },
  };
}
