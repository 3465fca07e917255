// Reading an object: a few chunks at a time, from whichever replica answers, checked on the way.
import { createHash } from "node:crypto";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { objectStream } from "@millrace/nats/names.ts";
import { batchOfAny, nextOfLeader, type StoredMessage } from "@millrace/nats/stored.ts";
import { ArchiveDamaged } from "../archive.ts";
import { chunkSubject, type ObjectInfo } from "./object.ts";

/** What is held of an object while it is read. Other clients make smaller chunks. */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_MESSAGES = 64;

export async function* readObject(client: NatsClient, info: ObjectInfo): AsyncGenerator<Uint8Array> {
  const { name, bytes, sha256 } = info;
  const hashed = createHash("sha256");
  let [from, read] = [1, 0];
  while (read < bytes) {
    for (const { sequence, data } of await chunksOf(client, info, from)) {
      from = sequence + 1;
      read += data.length;
      if (read > bytes) throw new ArchiveDamaged(`${name} holds more than the ${bytes} bytes that were put there`);
      hashed.update(data);
      yield data;
    }
  }
  if (!hashed.digest().equals(sha256)) {
    throw new ArchiveDamaged(`${name} does not hold the ${bytes} bytes that were put there`);
  }
}

/** The next chunks, at least one. A replica that is behind has none; then the leader has one, or it is lost. */
async function chunksOf(client: NatsClient, info: ObjectInfo, from: number): Promise<readonly StoredMessage[]> {
  const stream = objectStream(client.names.archiveBucket);
  const subject = chunkSubject(client.names, info.nuid);
  const limits = { messagesMax: BATCH_MESSAGES, bytesMax: BATCH_BYTES };
  const found = await batchOfAny(client, { stream, subject, from, ...limits });
  if (found.length > 0) return found;
  const next = await nextOfLeader(client, stream, { subject, from });
  if (next === null) throw new ArchiveDamaged(`${info.name} lacks chunks of its ${info.bytes} bytes`);
  return [next];
}
