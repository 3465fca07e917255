// The archive in an object store of JetStream. Names are asked of the leader, chunks of any replica: a replica may be behind,
// but what it has of a chunk's subject never changes.
//
// 1. A name's message is stored when all its chunks are; what a crash leaves has chunks and no name, and goes at an opening
//    an hour later.
// 2. Names are listed from those of subjects, which the leader has in memory: looking for their messages among all chunks
//    would read the whole archive.
import { createHash } from "node:crypto";
import type { Clock } from "@millrace/clock/clock.ts";
import { systemClock } from "@millrace/clock/system.ts";
import { isNoRoom } from "@millrace/nats/answer.ts";
import type { NatsClient } from "@millrace/nats/connect.ts";
import { jetStreamRequest, store } from "@millrace/nats/jetstream.ts";
import { objectStream } from "@millrace/nats/names.ts";
import { lastOfLeader } from "@millrace/nats/stored.ts";
import { ensureStream, type Replicas } from "@millrace/nats/streams.ts";
import { listSubjects } from "@millrace/nats/subjects.ts";
import { nuid as makeNuid } from "@nats-io/nats-core";
import { type Archive, type Archived, ArchiveFull } from "../archive.ts";
import { checkName } from "../name.ts";
import {
  CHUNK_BYTES,
  chunkSubject,
  decodeInfo,
  encodeInfo,
  nameFilter,
  nameOf,
  nameSubject,
  nuidOf,
  type ObjectInfo,
  replacing,
  storeConfig,
} from "./object.ts";
import { readObject } from "./read.ts";

/** Chunks sent and not acknowledged: enough that the disk is never idle, little against what a process holds. */
const IN_FLIGHT_MAX = 4;
/** Names asked for at once. */
const ASKED_AT_ONCE = 16;
/** Chunks without a name that nobody has added to for so long were left by a crash. */
const NAMELESS_AGE_MS_MAX = 60 * 60 * 1000;

/**
 * Opens the archive of the cluster that the connection belongs to. The connection stays open when it is closed. Rejects with
 * `NatsProblem`, and with what JetStream refuses.
 */
export async function openNatsArchive(
  client: NatsClient,
  replicas: Replicas,
  clock: Clock = systemClock,
): Promise<Archive> {
  await ensureStream(client.connection, storeConfig(client.names, replicas));
  const archive = new NatsArchive(client, clock);
  await archive.sweep();
  return archive;
}

class NatsArchive implements Archive {
  readonly #client: NatsClient;
  readonly #clock: Clock;
  readonly #stream: string;

  constructor(client: NatsClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
    this.#stream = objectStream(client.names.archiveBucket);
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<Archived> {
    checkName(name);
    const { connection, names } = this.#client;
    const old = await this.#info(name);
    const nuid = makeNuid.next();
    let info: ObjectInfo;
    try {
      const stored = await this.#storeChunks(chunkSubject(names, nuid), chunks);
      info = { name, nuid, ...stored, storedMs: this.#clock.nowMs() };
      await store(connection, nameSubject(names, name), encodeInfo(info, names.archiveBucket), {
        headers: replacing(),
      });
    } catch (error: unknown) {
      await this.#purge(chunkSubject(names, nuid)).catch(() => {}); // Else at a later opening.
      throw isNoRoom(error) ? new ArchiveFull(`no room for ${name}`, { cause: error }) : error;
    }
    if (old !== null) await this.#purge(chunkSubject(names, old.nuid)).catch(() => {}); // Else at a later opening.
    return { name, bytes: info.bytes, storedMs: info.storedMs };
  }

  async get(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    checkName(name);
    const info = await this.#info(name);
    return info === null ? undefined : readObject(this.#client, info);
  }

  async list(prefix: string): Promise<Archived[]> {
    const found = await this.#infos((name) => name.startsWith(prefix));
    return found
      .map(({ name, bytes, storedMs }) => ({ name, bytes, storedMs }))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  async drop(name: string): Promise<void> {
    checkName(name);
    const { names } = this.#client;
    const info = await this.#info(name);
    await this.#purge(nameSubject(names, name));
    if (info !== null) await this.#purge(chunkSubject(names, info.nuid));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Removes chunks without a name, unless they may be about to get one. */
  async sweep(): Promise<void> {
    const { connection, names } = this.#client;
    const chunks = await listSubjects(connection, this.#stream, chunkSubject(names, "*"));
    if (chunks.length === 0) return;
    const named = new Set((await this.#infos(() => true)).map(({ nuid }) => nuid));
    for (const subject of chunks) {
      if (named.has(nuidOf(subject))) continue;
      const last = await lastOfLeader(this.#client, this.#stream, subject);
      if (last !== null && last.timeMs < this.#clock.nowMs() - NAMELESS_AGE_MS_MAX) await this.#purge(subject);
    }
  }

  /** Chunks go one behind the other, a few at a time; all are durable when it resolves. */
  async #storeChunks(
    subject: string,
    source: AsyncIterable<Uint8Array>,
  ): Promise<Pick<ObjectInfo, "bytes" | "chunks" | "sha256">> {
    const hashed = createHash("sha256");
    const inFlight: Promise<unknown>[] = [];
    let [bytes, chunks] = [0, 0];
    try {
      for await (const chunk of inChunks(source)) {
        hashed.update(chunk);
        bytes += chunk.length;
        chunks += 1;
        const stored = store(this.#client.connection, subject, chunk);
        stored.catch(() => {}); // Thrown where it is waited for.
        inFlight.push(stored);
        if (inFlight.length === IN_FLIGHT_MAX) await inFlight.shift();
      }
      await Promise.all(inFlight);
    } finally {
      // Whoever cleans up must not be overtaken.
      await Promise.allSettled(inFlight);
    }
    return { bytes, chunks, sha256: hashed.digest() };
  }

  /** null = there is nothing by this name. */
  async #info(name: string): Promise<ObjectInfo | null> {
    const message = await lastOfLeader(this.#client, this.#stream, nameSubject(this.#client.names, name));
    return message === null ? null : decodeInfo(message.data);
  }

  async #infos(isWanted: (name: string) => boolean): Promise<readonly ObjectInfo[]> {
    const { connection, names } = this.#client;
    const wanted = (await listSubjects(connection, this.#stream, nameFilter(names))).map(nameOf).filter(isWanted);
    const found: ObjectInfo[] = [];
    for (let from = 0; from < wanted.length; from += ASKED_AT_ONCE) {
      const asked = wanted.slice(from, from + ASKED_AT_ONCE).map((name) => this.#info(name));
      for (const info of await Promise.all(asked)) if (info !== null) found.push(info);
    }
    return found;
  }

  async #purge(subject: string): Promise<void> {
    await jetStreamRequest(this.#client.connection, `STREAM.PURGE.${this.#stream}`, { filter: subject });
  }
}

/** The same bytes in chunks of one size, but for the last; each in a buffer of its own. */
async function* inChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let filled = 0;
  for await (const given of source) {
    for (let taken = 0; taken < given.length; ) {
      const part = given.subarray(taken, taken + CHUNK_BYTES - filled);
      chunk.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < CHUNK_BYTES) continue;
      yield chunk;
      chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
