// The bucket of the common memory: a key-value bucket as all of NATS's clients and tools know it (ADR-8), so that operators
// can look into it.
import { kvStream, type NatsNames } from "@millrace/nats/names.ts";
import type { StoredMessage } from "@millrace/nats/stored.ts";
import { KEEPING, type Replicas, type StreamConfig } from "@millrace/nats/streams.ts";
import { headers, type MsgHdrs } from "@nats-io/nats-core";
import { KV_VALUE_BYTES_MAX, type KvEntry } from "../kv.ts";

/** What all values together may take, and what servers keep free for them: a hundred of the largest. */
const BUCKET_BYTES_MAX = 64 * 1024 * 1024;
/** Key, expected revision and what the stream adds, with room to spare. */
const HEADER_BYTES_MAX = 1024;
const OPERATION = "KV-Operation";
const EXPECTED = "Nats-Expected-Last-Subject-Sequence";

/** Subject of a key; with `>` for the key, of all. */
export function subjectOf({ kvBucket }: NatsNames, key: string): string {
  return `$KV.${kvBucket}.${key}`;
}

export function bucketConfig(names: NatsNames, replicas: Replicas): StreamConfig {
  const all = subjectOf(names, ">");
  return {
    name: kvStream(names.kvBucket),
    description: "Common memory of Millrace",
    subjects: [all],
    ...KEEPING,
    max_msgs_per_subject: 1,
    max_bytes: BUCKET_BYTES_MAX,
    max_msg_size: KV_VALUE_BYTES_MAX + HEADER_BYTES_MAX,
    num_replicas: replicas,
    allow_rollup_hdrs: true,
    republish: { src: all, dest: `${names.kvNews}.>` },
  };
}

/** Headers of a write on top of a revision; `isEnd` = of a deletion. */
export function writeHeaders(expected: number, isEnd: boolean): MsgHdrs {
  const written = headers();
  written.set(EXPECTED, String(expected));
  if (isEnd) written.set(OPERATION, "DEL");
  return written;
}

/** The entry that a stored message is. Other tools mark the end of a key in other ways. */
export function entryOf({ kvBucket }: NatsNames, message: StoredMessage): KvEntry {
  const isEnd = message.headers.has(OPERATION) || message.headers.has("Nats-Marker-Reason");
  return {
    key: message.subject.slice(`$KV.${kvBucket}.`.length),
    value: isEnd ? null : message.data,
    revision: message.sequence,
  };
}
