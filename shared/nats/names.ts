// What things are called on NATS: every subject, stream and bucket of a cluster, by the one prefix that is its own. Two
// clusters on the same servers and account differ in nothing else.

/** What begins every name of one cluster. */
export interface NatsNames {
  readonly prefix: string;
  /** Where answers to this client's own requests come, JetStream's too: `<inbox>.<client>.…`. */
  readonly inbox: string;
  /** Of every subject of the bus: `<bus>.<subject>`. */
  readonly bus: string;
  /** Of every subject of the journals: `<journal>.<stream>.<shard>.<generation>`. */
  readonly journal: string;
  /** Of every subject of the blobs: `<blobs>.<end of the run's ID>.<run>.<sha-256>.<part>.<hour>`. */
  readonly blobs: string;
  readonly blobStream: string;
  /** The bucket of the common memory. */
  readonly kvBucket: string;
  /** Where the server repeats what it stored in that bucket: `<kvNews>.<key>`. */
  readonly kvNews: string;
  /** The bucket of the archive, an object store. */
  readonly archiveBucket: string;
  /** The one subject of the registry of definitions. */
  readonly registry: string;
  /** Where the server says what it stored there, without the record. */
  readonly registryNews: string;
  readonly registryStream: string;
}

/** Streams are called by it in capitals, so it has none; dots would end a token. */
const PREFIX = /^[a-z0-9-]{1,32}$/;

/** Throws RangeError unless names can begin with it. */
export function natsNames(prefix: string): NatsNames {
  if (!PREFIX.test(prefix)) {
    throw new RangeError(
      `The prefix ${JSON.stringify(prefix)} begins no names: use 1 to 32 characters of a-z, 0-9 and -.`,
    );
  }
  return {
    prefix,
    inbox: `${prefix}.inbox`,
    bus: `${prefix}.bus`,
    journal: `${prefix}.journal`,
    blobs: `${prefix}.blobs`,
    blobStream: `${prefix.toUpperCase()}_BLOBS`,
    kvBucket: `${prefix}-cluster`,
    kvNews: `${prefix}.kv`,
    archiveBucket: `${prefix}-archive`,
    registry: `${prefix}.registry`,
    registryNews: `${prefix}.registry-news`,
    registryStream: `${prefix.toUpperCase()}_REGISTRY`,
  };
}

/** The stream that holds journals, one of several, from 0. */
export function journalStream(names: NatsNames, stream: number): string {
  return `${names.prefix.toUpperCase()}_JOURNAL_${stream}`;
}

/** The stream below a key-value bucket, as NATS clients and tools expect it. */
export function kvStream(bucket: string): string {
  return `KV_${bucket}`;
}

/** The stream below an object store's bucket, as NATS clients and tools expect it. */
export function objectStream(bucket: string): string {
  return `OBJ_${bucket}`;
}
