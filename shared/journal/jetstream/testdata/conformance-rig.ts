// Real servers under a JetStream journal, and the trouble that can be made there. Servers are started once for many
// journals: each has a subject of its own on the streams they share.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Position } from "@millrace/model/ids.ts";
import { streamInfo } from "@millrace/nats/streams.ts";
import { type NatsCluster, startNatsCluster } from "@millrace/testing/nats-cluster.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import type { FollowRig } from "../../follow-conformance.ts";
import type { JournalRig } from "../../conformance.ts";
import type { FollowJournal, Journal } from "../../journal.ts";
import { followJetStreamJournal } from "../follow.ts";
import { openJetStreamJournal } from "../open.ts";
import { ensureStreams, type JournalStreams, journalPlace } from "../streams.ts";
import type { JournalPlace } from "../subject.ts";
import { type Connection, connectTo } from "./connect.ts";

/** Short, so that a test of a lost answer is soon over; long against what a server needs on a busy machine. */
const APPEND_TIMEOUT_MS = 1_000;

/** Where the records' own position begins in a frame, behind its magic bytes and length. */
const MAGIC_BYTES = Buffer.from([0xf7, 0x4d, 0x4a, 0x01]);
const POSITION_AT = 8;
/** A byte of a frame's header that its checksum covers. */
const FLIPPED_AT = 20;

/** One server, or three, with journals' streams on them. */
export class Servers implements AsyncDisposable {
  readonly streams: JournalStreams;
  readonly all: readonly NatsServer[];
  readonly cluster: NatsCluster | null;
  readonly connection: Connection;
  #shards = 0;

  private constructor(all: readonly NatsServer[], cluster: NatsCluster | null, connection: Connection) {
    this.all = all;
    this.cluster = cluster;
    this.connection = connection;
    this.streams = { prefix: "test", streams: 2, replicas: cluster === null ? 1 : 3, bytesMax: null };
  }

  static async start(replicas: 1 | 3): Promise<Servers> {
    const cluster = replicas === 1 ? null : await startNatsCluster();
    const all = cluster?.servers ?? [await startNats()];
    const servers = new Servers(all, cluster, await connectTo(all.map(({ address }) => address)));
    await ensureStreams(servers.connection, servers.streams);
    return servers;
  }

  /** A place that no journal was at before. */
  place(): JournalPlace {
    this.#shards += 1;
    return journalPlace(this.streams.prefix, this.#shards % this.streams.streams, this.#shards, 1);
  }

  open(place: JournalPlace, appendTimeoutMs = APPEND_TIMEOUT_MS): Promise<Journal> {
    return openJetStreamJournal(place, { connection: this.connection, holder: "test", appendTimeoutMs });
  }

  follow(place: JournalPlace): FollowJournal {
    return (options) => followJetStreamJournal(place, { connection: this.connection }, options);
  }

  /** Starts whatever is not running, and waits until all replicas of the streams are up to date. */
  async ready(): Promise<void> {
    for (const server of this.all) if (server.isRunning) server.thaw();
    if (this.cluster === null) {
      for (const server of this.all) if (!server.isRunning) await server.start();
    } else {
      await this.cluster.start();
      for (let stream = 0; stream < this.streams.streams; stream += 1) {
        await this.cluster.streamReady(journalPlace(this.streams.prefix, stream, 0, 0).stream);
      }
    }
    await waitUntil("the client to be connected", () =>
      this.connection.flush().then(
        () => true,
        () => false,
      ),
    );
  }

  /** Changes the files of a stream's messages on these servers while they are down. */
  async changeBlocks(
    servers: readonly NatsServer[],
    stream: string,
    change: (bytes: Buffer, isNewest: boolean) => Buffer | null,
  ): Promise<void> {
    for (const server of servers) await server.stop();
    for (const server of servers) {
      const folder = server.blocksFolder(stream);
      const names = (await readdir(folder)).filter((name) => name.endsWith(".blk"));
      names.sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10));
      for (const name of names) {
        const changed = change(await readFile(join(folder, name)), name === names.at(-1));
        if (changed !== null) await writeFile(join(folder, name), changed);
      }
    }
    await this.ready();
  }

  /** Makes one server the leader of a journal's stream. */
  async lead(place: JournalPlace, server: NatsServer): Promise<void> {
    const request = JSON.stringify({ placement: { preferred: server.name } });
    await waitUntil(`${server.name} to lead ${place.stream}`, async () => {
      if ((await this.cluster?.leader(place.stream)) === server) return true;
      await this.connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${place.stream}`, request).catch(() => null);
      return false;
    });
    await this.ready();
  }

  /** Lets a stream hold no more than it does, or what its servers have room for. */
  async setFull(stream: string, isFull: boolean): Promise<void> {
    const info = await streamInfo(this.connection, stream);
    const ordinal = Number(stream.split("_").at(-1));
    const bytesMax = isFull ? bytesOf(info) : null;
    await ensureStreams(this.connection, { ...this.streams, streams: ordinal + 1, bytesMax });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection.close();
    if (this.cluster !== null) await this.cluster[Symbol.asyncDispose]();
    else for (const server of this.all) await server[Symbol.asyncDispose]();
  }
}

/** The rig of both suites, for one journal. */
export function rigOn(servers: Servers): JournalRig & FollowRig {
  const place = servers.place();
  return {
    secondOpening: "fences",
    open: async () => {
      // Thaws what the test of doubt froze.
      await servers.ready();
      return servers.open(place);
    },
    follow: servers.follow(place),
    leaveBehindTail: (left) => {
      const [one] = servers.all;
      const append = (bytes: Buffer, isNewest: boolean): Buffer | null => (isNewest ? Buffer.concat([bytes, left]) : null);
      return servers.changeBlocks(one === undefined ? [] : [one], place.stream, append);
    },
    damage: (at) => servers.changeBlocks(servers.all, place.stream, (bytes) => flipped(bytes, place.subject, at)),
    setFull: (isFull) => servers.setFull(place.stream, isFull),
    doubtNextAppend: () => {
      for (const server of servers.all) server.freeze();
    },
    [Symbol.asyncDispose]: () => servers.ready(),
  };
}

/** A block with a bit of one record flipped; null = it does not hold the record. */
export function flipped(bytes: Buffer, subject: string, at: Position): Buffer | null {
  for (let name = bytes.indexOf(subject); name !== -1; name = bytes.indexOf(subject, name + 1)) {
    const frame = bytes.indexOf(MAGIC_BYTES, name);
    if (frame === -1 || bytes.readUInt32LE(frame + POSITION_AT) !== at) continue;
    const changed = Buffer.from(bytes);
    changed[frame + FLIPPED_AT] = (changed[frame + FLIPPED_AT] ?? 0) ^ 1;
    return changed;
  }
  return null;
}

function bytesOf(info: unknown): number {
  const state: unknown = typeof info === "object" && info !== null ? Reflect.get(info, "state") : null;
  const bytes: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "bytes") : null;
  return Number(bytes);
}
