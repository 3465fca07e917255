// The streams that hold the journals of a cluster: how many, what they are called, and the settings without which a
// journal is none.
import { journalStream, natsNames } from "@millrace/nats/names.ts";
import { ensureStream, KEEPING, type Replicas, type StreamConfig } from "@millrace/nats/streams.ts";
import type { NatsConnection } from "@nats-io/nats-core";
import { RECORD_BYTES_MAX } from "../journal.ts";
import type { JournalPlace } from "./subject.ts";

export interface JournalStreams {
  /** What the names of streams and subjects begin with: a cluster's own, 1 to 32 characters of `a-z 0-9 -`. */
  readonly prefix: string;
  /** How many streams the shards share: each is a Raft group of its own. 1 to {@link STREAMS_MAX}. */
  readonly streams: number;
  /** 3 or 5 in production; 1 loses what its one server loses. */
  readonly replicas: Replicas;
  /** What each stream may hold, bytes; beyond it appends are `full`. null = what its servers have room for. */
  readonly bytesMax: number | null;
}

/** A cluster's budget is about 2,000 Raft groups, over everything it holds. */
export const STREAMS_MAX = 256;

/** The expectation that each message carries, with room to spare. */
const HEADER_BYTES_MAX = 1024;

/**
 * Where the journal of a shard lies. Its stream is drawn once, when the shard is made, and kept with the shard: a cluster
 * may add streams later. A new generation of the journal is a new subject in the same stream.
 */
export function journalPlace(prefix: string, stream: number, shard: number, generation: number): JournalPlace {
  const names = natsNames(prefix);
  return { stream: journalStream(names, stream), subject: `${names.journal}.${stream}.${shard}.${generation}` };
}

/** Makes the streams that are not there and mends what is safe to mend. Rejects with `NatsProblem`. */
export async function ensureStreams(connection: NatsConnection, wanted: JournalStreams): Promise<void> {
  const { streams } = wanted;
  if (!Number.isInteger(streams) || streams < 1 || streams > STREAMS_MAX) {
    throw new RangeError(`streams is ${streams}: it must be a whole number from 1 to ${STREAMS_MAX}.`);
  }
  for (let stream = 0; stream < streams; stream += 1) await ensureStream(connection, streamConfig(wanted, stream));
}

export function streamName(prefix: string, stream: number): string {
  return journalStream(natsNames(prefix), stream);
}

function streamConfig({ prefix, replicas, bytesMax }: JournalStreams, stream: number): StreamConfig {
  const names = natsNames(prefix);
  return {
    name: journalStream(names, stream),
    description: "Journals of Millrace",
    subjects: [`${names.journal}.${stream}.>`],
    ...KEEPING,
    max_msgs_per_subject: -1,
    allow_rollup_hdrs: false,
    max_bytes: bytesMax ?? -1,
    max_msg_size: RECORD_BYTES_MAX + HEADER_BYTES_MAX,
    max_consumers: -1,
    num_replicas: replicas,
    compression: "none",
  };
}
