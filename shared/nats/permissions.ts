// What each role may do on NATS, and not one subject more: the one place that says so. Configurations of servers are made
// from it, the page docs/nats.md shows it, and a test takes away one line after the other.
import { journalStream, kvStream, type NatsNames, objectStream } from "./names.ts";

/**
 * - `node`: hosts shards.
 * - `gateway`: takes calls and serves workers.
 * - `setup`: makes the streams, and changes their settings with the version or the number of replicas. The others need it
 *   only for that: a cluster whose streams are there runs without.
 */
export const NATS_ROLES = ["node", "gateway", "setup"] as const;
export type NatsRole = (typeof NATS_ROLES)[number];

/** Subjects that a user may publish to and listen on. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
}

/** What a user needs who plays these roles in a cluster with so many streams of journals. */
export function permissionsOf(roles: readonly NatsRole[], names: NatsNames, journalStreams: number): Permissions {
  const all = roles.map((role) => BY_ROLE[role](streamsOf(names, journalStreams), names));
  return {
    publish: [...new Set(all.flatMap(({ publish }) => publish))],
    subscribe: [...new Set(all.flatMap(({ subscribe }) => subscribe))],
  };
}

/** As servers read it in a user's entry: `users: [{ nkey: …, permissions: { … } }]`. */
export function permissionsText({ publish, subscribe }: Permissions): string {
  return `permissions: {\n  publish: ${listText(publish)}\n  subscribe: ${listText(subscribe)}\n}`;
}

function listText(subjects: readonly string[]): string {
  // An empty list would allow everything.
  if (subjects.length === 0) return '{ deny: ">" }';
  return `[\n${subjects.map((subject) => `    "${subject}"`).join("\n")}\n  ]`;
}

interface Streams {
  readonly journals: readonly string[];
  readonly blobs: string;
  readonly kv: string;
  readonly archive: string;
  readonly registry: string;
}

function streamsOf(names: NatsNames, journalStreams: number): Streams {
  return {
    journals: Array.from({ length: journalStreams }, (_, stream) => journalStream(names, stream)),
    blobs: names.blobStream,
    kv: kvStream(names.kvBucket),
    archive: objectStream(names.archiveBucket),
    registry: names.registryStream,
  };
}

const BY_ROLE: Readonly<Record<NatsRole, (streams: Streams, names: NatsNames) => Permissions>> = {
  node: (streams, names) => {
    const { journals, blobs, kv, archive, registry } = streams;
    return {
      publish: [
        ...everyone(names).publish,
        `${names.bus}.>`,
        `${names.journal}.>`,
        ...journals.flatMap((stream) => [
          ...api(stream, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "STREAM.PURGE"),
          `$JS.API.CONSUMER.CREATE.${stream}.>`,
          `$JS.API.CONSUMER.DELETE.${stream}.*`,
          `$JS.FC.${stream}.>`,
        ]),
        // Whether servers sync what they ack; answered with what concerns this account alone.
        "$SYS.REQ.ACCOUNT.PING.STATZ",
        "$SYS.REQ.SERVER.PING.JSZ",
        `$KV.${names.kvBucket}.>`,
        ...api(kv, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"),
        `${names.blobs}.>`,
        ...api(blobs, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "STREAM.PURGE"),
        `$O.${names.archiveBucket}.>`,
        ...api(archive, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "STREAM.PURGE"),
        names.registry,
        ...api(registry, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"),
      ],
      subscribe: [...everyone(names).subscribe, `${names.bus}.>`, `${names.kvNews}.>`, names.registryNews],
    };
  },
  gateway: ({ blobs, kv, registry }, names) => ({
    publish: [
      ...everyone(names).publish,
      `${names.bus}.>`,
      ...api(kv, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"),
      `${names.blobs}.>`,
      ...api(blobs, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"),
      names.registry,
      ...api(registry, "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"),
    ],
    subscribe: [...everyone(names).subscribe, `${names.bus}.>`, `${names.kvNews}.>`, names.registryNews],
  }),
  setup: ({ journals, blobs, kv, archive, registry }, names) => ({
    publish: [
      ...everyone(names).publish,
      ...[...journals, blobs, kv, archive, registry].flatMap((stream) =>
        api(stream, "STREAM.INFO", "STREAM.CREATE", "STREAM.UPDATE"),
      ),
    ],
    subscribe: everyone(names).subscribe,
  }),
};

/** To see that JetStream is there, and to hear answers. */
function everyone(names: NatsNames): Permissions {
  return { publish: ["$JS.API.INFO"], subscribe: [`${names.inbox}.>`] };
}

function api(stream: string, ...requests: readonly string[]): readonly string[] {
  return requests.map((request) => `$JS.API.${request}.${stream}`);
}
