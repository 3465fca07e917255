import type { Bus } from "@millrace/bus/bus.ts";
import type { Config } from "@millrace/config/config.ts";
import type { LinkSubjects } from "@millrace/link/bus/remote-shards.ts";
import type { Membership } from "@millrace/membership/membership.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import type { JournaledRegistry } from "@millrace/shard-host/registry/registry.ts";
import type { Log } from "@millrace/telemetry/logger.ts";
import type { Metrics } from "@millrace/telemetry/metrics.ts";

/** What all parts of such a process share. */
export interface ClusterParts {
  readonly config: Config;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly client: NatsClient;
  readonly bus: Bus;
  readonly membership: Membership;
  readonly registry: JournaledRegistry;
  readonly subjects: LinkSubjects;
  /** What is to be undone when the process stops, last first. */
  readonly endings: AsyncDisposableStack;
}

/** This process cannot join; the message says why and what to change. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}
