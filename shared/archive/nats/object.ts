// An object in an object store, as all of NATS's clients and tools know it (ADR-20): chunks on a subject of their own, and
// one message on the subject of its name that says where they are.
import { field, numberOf, textOf } from "@millrace/nats/answer.ts";
import type { NatsNames } from "@millrace/nats/names.ts";
import { objectStream } from "@millrace/nats/names.ts";
import { KEEPING, type Replicas, type StreamConfig } from "@millrace/nats/streams.ts";
import { headers, type MsgHdrs } from "@nats-io/nats-core";

/** What the message of a name says. */
export interface ObjectInfo {
  readonly name: string;
  /** The last token of the chunks' subject. */
  readonly nuid: string;
  readonly bytes: number;
  readonly chunks: number;
  readonly storedMs: number;
  readonly sha256: Buffer;
}

/** Chunks are this large but for the last: few messages for a snapshot, and well below what one message takes. */
export const CHUNK_BYTES = 512 * 1024;

const DIGEST = "SHA-256=";

/** How much they may take together is the operator's to limit, by the stream's `max_bytes`. */
export function storeConfig({ archiveBucket }: NatsNames, replicas: Replicas): StreamConfig {
  return {
    name: objectStream(archiveBucket),
    description: "Archive of Millrace",
    subjects: [`$O.${archiveBucket}.C.>`, `$O.${archiveBucket}.M.>`],
    ...KEEPING,
    max_msgs_per_subject: -1,
    num_replicas: replicas,
    allow_rollup_hdrs: true,
  };
}

/** With `*`, of all chunks. */
export function chunkSubject({ archiveBucket }: NatsNames, nuid: string): string {
  return `$O.${archiveBucket}.C.${nuid}`;
}

export function nameSubject({ archiveBucket }: NatsNames, name: string): string {
  return `$O.${archiveBucket}.M.${base64(Buffer.from(name))}`;
}

/** Of the subjects of all names. */
export function nameFilter({ archiveBucket }: NatsNames): string {
  return `$O.${archiveBucket}.M.*`;
}

/** The name that a subject is of. */
export function nameOf(subject: string): string {
  return Buffer.from(subject.slice(subject.lastIndexOf(".") + 1), "base64url").toString();
}

/** The token that tells whose chunks a subject is of. */
export function nuidOf(subject: string): string {
  return subject.slice(subject.lastIndexOf(".") + 1);
}

/** Of the message of a name: it takes the place of the one before. */
export function replacing(): MsgHdrs {
  const written = headers();
  written.set("Nats-Rollup", "sub");
  return written;
}

export function encodeInfo(info: ObjectInfo, bucket: string): Buffer {
  const { name, nuid, bytes, chunks, storedMs, sha256 } = info;
  return Buffer.from(
    JSON.stringify({
      name,
      options: { max_chunk_size: CHUNK_BYTES },
      bucket,
      nuid,
      size: bytes,
      mtime: new Date(storedMs).toISOString(),
      chunks,
      digest: `${DIGEST}${base64(sha256)}`,
    }),
  );
}

/** null = it was deleted, or is no object with bytes of its own. */
export function decodeInfo(data: Uint8Array): ObjectInfo | null {
  const parsed: unknown = JSON.parse(Buffer.from(data).toString());
  if (field(parsed, "deleted") === true || field(field(parsed, "options"), "link") != null) return null;
  return {
    name: textOf(parsed, "name"),
    nuid: textOf(parsed, "nuid"),
    bytes: numberOf(parsed, "size"),
    chunks: numberOf(parsed, "chunks"),
    storedMs: Date.parse(textOf(parsed, "mtime")),
    sha256: Buffer.from(textOf(parsed, "digest").slice(DIGEST.length), "base64url"),
  };
}

/** The alphabet for names and addresses, with padding. */
function base64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}
