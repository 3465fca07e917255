// The stream below a ledger: one subject, and nothing on it is ever deleted, so that a message's sequence is its record's
// position.
import type { NatsClient } from "@millrace/nats/connect.ts";
import type { NatsNames } from "@millrace/nats/names.ts";
import { ensureStream, KEEPING, type Replicas, type StreamConfig } from "@millrace/nats/streams.ts";
import { RECORD_BYTES_MAX } from "../journal.ts";

/** The expectation that each message carries, with room to spare. */
const HEADER_BYTES_MAX = 1024;

/** Makes it if it is not there, and mends what is safe to mend. Rejects with `NatsProblem`. */
export function ensureLedgerStream({ connection, names }: NatsClient, replicas: Replicas): Promise<void> {
  return ensureStream(connection, streamConfig(names, replicas));
}

/** How much it may take is the operator's to limit, by the stream's `max_bytes`; beyond it appends are `full`. */
function streamConfig({ registry, registryNews, registryStream }: NatsNames, replicas: Replicas): StreamConfig {
  return {
    name: registryStream,
    description: "Registry of Millrace",
    subjects: [registry],
    ...KEEPING,
    max_msgs_per_subject: -1,
    max_msg_size: RECORD_BYTES_MAX + HEADER_BYTES_MAX,
    deny_purge: true,
    allow_rollup_hdrs: false,
    num_replicas: replicas,
    republish: { src: registry, dest: registryNews, headers_only: true },
  };
}
