// Blobs in one stream of JetStream, each in a few messages:
//
//   <prefix>.blobs.7k.01jq3…7k.<sha-256>.0.495171     its first 768 KiB
//   <prefix>.blobs.7k.01jq3…7k.<sha-256>.1.495171     the next, and so on
//                  │  └ the run                └ when it was stored, in whole hours since 1970, rounded up
//                  └ the run ID's random end
//
// Not an object store: that hides names in hashes, so that the blobs of one run could only be found among all blobs, and
// keeps a message of its own for each; here a run is dropped by one purge. Whose blobs there are is read from the names of
// subjects, which the server has in memory, without touching a blob; the times are in the names for that reason. No
// consumer is made for anything.
//
// 1. The first part is stored last: when it is there, all of the blob is.
// 2. A part that no replica says it has is asked of the leader: replicas may be behind.
import { hash } from "node:crypto";
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { type RunId, runId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import { isNoRoom } from "@millrace/nats/answer.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { jetStreamRequest, store } from "@millrace/nats/jetstream.ts";
import { lastOf } from "@millrace/nats/stored.ts";
import { ensureStream, KEEPING, type Replicas, type StreamConfig } from "@millrace/nats/streams.ts";
import { BlobDamaged, type Blobs, BlobsFull } from "../blobs.ts";
import { subjectsOf } from "./subjects.ts";

const RUN_ID = /^[0-9a-hjkmnp-tv-z]{20}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** A part is at most this large: what one message takes, with room to spare. */
const PART_BYTES = 768 * 1024;
/** What JetStream adds to a part, and the client. */
const HEADER_BYTES_MAX = 1024;
const HOUR_MS = 60 * 60 * 1000;

/**
 * Opens the blobs of the cluster that the connection belongs to. The connection stays open when they are closed. Rejects
 * with `NatsProblem`, and with what JetStream refuses.
 */
export async function openNatsBlobs(
  client: NatsClient,
  replicas: Replicas,
  clock: Clock = systemClock,
): Promise<Blobs> {
  await ensureStream(client.connection, streamConfig(client, replicas));
  return new NatsBlobs(client, clock);
}

/** How much they may take together is the operator's to limit, by the stream's `max_bytes`. */
function streamConfig({ names }: NatsClient, replicas: Replicas): StreamConfig {
  return {
    name: names.blobStream,
    description: "Blobs of Millrace",
    subjects: [`${names.blobs}.>`],
    ...KEEPING,
    max_msgs_per_subject: 1,
    max_msg_size: PART_BYTES + HEADER_BYTES_MAX,
    allow_rollup_hdrs: false,
    num_replicas: replicas,
  };
}

class NatsBlobs implements Blobs {
  readonly #client: NatsClient;
  readonly #clock: Clock;

  constructor(client: NatsClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async put(id: RunId, bytes: Uint8Array): Promise<BlobRef> {
    const ref: BlobRef = { sha256: hash("sha256", bytes, "hex"), bytes: bytes.length };
    const blob = this.#subjectOf(id, ref.sha256);
    // Rounded up, so that nobody takes it for older than it is.
    const hour = Math.ceil(this.#clock.nowMs() / HOUR_MS);
    const storePart = async (part: number): Promise<void> => {
      const data = bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
      await store(this.#client.connection, `${blob}.${part}.${hour}`, data);
    };
    try {
      const others = Array.from({ length: partsOf(ref) - 1 }, (_, part) => part + 1);
      await Promise.all(others.map(storePart));
      await storePart(0);
    } catch (error: unknown) {
      if (!isNoRoom(error)) throw error;
      throw new BlobsFull(`no room for a blob of ${bytes.length} bytes of run ${id}`, { cause: error });
    }
    return ref;
  }

  async get(id: RunId, ref: BlobRef): Promise<Uint8Array | undefined> {
    if (!SHA256.test(ref.sha256)) return undefined;
    const first = await this.#part(id, ref, 0);
    if (first === undefined) return undefined;
    const others = Array.from({ length: partsOf(ref) - 1 }, (_, part) => this.#part(id, ref, part + 1));
    const parts = [first, ...(await Promise.all(others))];
    const bytes = parts.length === 1 ? first : Buffer.concat(parts.map((part) => part ?? Buffer.alloc(0)));
    if (hash("sha256", bytes, "hex") !== ref.sha256) {
      throw new BlobDamaged(`blob ${ref.sha256} of run ${id} holds ${bytes.length} bytes that are not its own`);
    }
    return bytes;
  }

  async drop(id: RunId): Promise<void> {
    const filter = `${this.#subjectOf(id)}.>`;
    await jetStreamRequest(this.#client.connection, `STREAM.PURGE.${this.#client.names.blobStream}`, { filter });
  }

  async owners(visit: (runId: RunId, newestMs: number) => void): Promise<void> {
    const { names } = this.#client;
    for await (const subjects of subjectsOf(this.#client)) {
      const newest = new Map<string, number>();
      for (const subject of subjects) {
        const [, id = "", , , hour = ""] = subject.slice(names.blobs.length + 1).split(".");
        if (RUN_ID.test(id)) newest.set(id, Math.max(newest.get(id) ?? 0, Number(hour) * HOUR_MS));
      }
      for (const [id, newestMs] of newest) visit(runId(id), newestMs);
    }
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async #part(id: RunId, ref: BlobRef, part: number): Promise<Uint8Array | undefined> {
    // Stored twice in different hours, it is there twice; any will do.
    const subject = `${this.#subjectOf(id, ref.sha256)}.${part}.*`;
    return (await lastOf(this.#client, this.#client.names.blobStream, subject))?.data;
  }

  #subjectOf(id: RunId, ...tokens: readonly string[]): string {
    if (!RUN_ID.test(id)) throw new Error(`"${id}" is not a run ID`);
    return [this.#client.names.blobs, id.slice(-2), id, ...tokens].join(".");
  }
}

function partsOf({ bytes }: BlobRef): number {
  return Math.max(Math.ceil(bytes / PART_BYTES), 1);
}
