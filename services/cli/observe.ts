// What shards tell the logs and metrics of their process.
import type { Node } from "@millrace/shard-host/node.ts";
import type { ShardObserver } from "@millrace/shard-host/shard-options.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";

interface Ears {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly progress: (records: number) => void;
}

export function observeShard(shard: number, { log, metrics, progress }: Ears): ShardObserver {
  return {
    recovering: progress,
    recovered: ({ records, term }) => log.info("The shard serves.", { shard, term, count: records }),
    appended: ({ commands, ms }) => {
      metrics.turnCommands.observe(commands);
      metrics.appendSeconds.observe(ms / 1000);
    },
    checkpointed: ({ outcome, ms, reason }) => {
      metrics.checkpointSeconds.observe(ms / 1000);
      if (outcome === "written") log.debug("A checkpoint was written.", { shard, durationMs: Math.round(ms) });
      else log.error("A checkpoint failed; it is tried again.", { shard, code: outcome, error: reason });
    },
    unreadable: (reason) => log.warn("A blob cannot be read; it is tried again.", { shard, error: reason }),
    failed: (reason) => log.error("The shard dropped its memory and reads it back.", { shard, error: reason }),
  };
}

/** Sets the gauges of all shards before every exposition. */
export function sampleNode(node: Node, metrics: Metrics): void {
  metrics.sample(() => {
    const depths = new Map<string, number>();
    node.shards.forEach((shard, index) => {
      const { mailbox, actors, overlayBytes, journalBytes, waiting } = shard.load;
      const labels = { shard: String(index) };
      metrics.mailboxDepth.set(labels, mailbox);
      metrics.activeActors.set(labels, actors);
      metrics.overlayBytes.set(labels, overlayBytes);
      metrics.journalBytes.set(labels, journalBytes);
      for (const [type, depth] of waiting) depths.set(type, (depths.get(type) ?? 0) + depth);
    });
    metrics.setTaskQueueDepths(depths);
  });
}
