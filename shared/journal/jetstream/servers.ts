// What a client can find out about the servers under the journals, for a start that warns or refuses. Only what was seen
// is said to be so: a server's tag is its operator's word, and what nobody tells is unknown.
//
// A server tells when it syncs on `$SYS.REQ.SERVER.PING.JSZ`, which only its system account hears unless an operator
// exports it. Its tags are told to every account whose clients it serves (`$SYS.REQ.ACCOUNT.PING.STATZ`).
import { field, listOf, numberOf, textOf } from "@millrace/nats/answer.ts";
import { streamInfo } from "@millrace/nats/streams.ts";
import type { Msg, NatsConnection } from "@nats-io/nats-core";
import { type JournalStreams, streamName } from "./streams.ts";

/** Something about servers or streams that may lose what was acked. */
export interface ServerFinding {
  readonly setting: "replicas" | "persist_mode" | "sync_interval" | "version";
  /** The stream or server that has it. */
  readonly where: string;
  /** Whether it was seen to be unsafe, or cannot be seen. */
  readonly certainty: "unsafe" | "unknown";
  /** What it is, what that means, and what to do. */
  readonly message: string;
}

/** What the servers of a cluster say, by name. */
interface ServerWord {
  /** Whether it syncs before it acks; undefined = it does not say. */
  syncsAlways?: boolean;
  isTagged: boolean;
  version: string;
}

/** The tag by which NATS's documentation has operators mark servers with `sync_interval: always`. */
const SYNC_TAG = "sync:always";

const OLDEST = { major: 2, minor: 12 } as const;
const REPLICAS_SAFE = 3;

/** How long servers may take to answer a question to all of them, and how long after one the next may come. */
const ANSWERS_MS = 1_000;
const NEXT_ANSWER_MS = 250;

/** Everything about the streams, which must be there, and their servers that is unsafe or cannot be known. */
export async function inspectServers(connection: NatsConnection, streams: JournalStreams): Promise<ServerFinding[]> {
  const findings: ServerFinding[] = [];
  const hosts = new Set<string>();
  for (let stream = 0; stream < streams.streams; stream += 1) {
    const name = streamName(streams.prefix, stream);
    const info = await streamInfo(connection, name);
    findings.push(...streamFindings(name, field(info, "config")));
    for (const host of hostsOf(info)) hosts.add(host);
  }
  const words = await askServers(connection);
  // A server that keeps no stream of ours may get one; one that keeps some may have been asked in vain.
  for (const host of new Set([...hosts, ...words.keys()])) findings.push(...serverFindings(host, words.get(host)));
  return findings;
}

function streamFindings(where: string, config: unknown): ServerFinding[] {
  const findings: ServerFinding[] = [];
  const replicas = numberOf(config, "num_replicas");
  if (replicas < REPLICAS_SAFE) {
    const message = `The stream ${where} has ${replicas} of ${REPLICAS_SAFE} replicas: what its disk loses is lost. Use three servers and three replicas.`;
    findings.push({ setting: "replicas", where, certainty: "unsafe", message });
  }
  if (textOf(config, "persist_mode") === "async") {
    const message = `The stream ${where} acks before it writes (persist_mode async): a crash loses what was acked. Make it anew.`;
    findings.push({ setting: "persist_mode", where, certainty: "unsafe", message });
  }
  return findings;
}

function serverFindings(where: string, word: ServerWord | undefined): ServerFinding[] {
  const findings: ServerFinding[] = [];
  const advice = "Set jetstream { sync_interval: always }";
  if (word?.syncsAlways === false) {
    const message = `The server ${where} acks before it syncs: a power failure loses what was acked. ${advice}.`;
    findings.push({ setting: "sync_interval", where, certainty: "unsafe", message });
  } else if (word?.syncsAlways === undefined) {
    const tag = word?.isTagged === true ? ` It is tagged "${SYNC_TAG}", which is its operator's word.` : "";
    const message = `Whether the server ${where} syncs before it acks cannot be seen: it tells its system account alone.${tag} ${advice}.`;
    findings.push({ setting: "sync_interval", where, certainty: "unknown", message });
  }
  if (word !== undefined && isOld(word.version)) {
    const message = `The server ${where} is ${word.version}: Millrace needs ${OLDEST.major}.${OLDEST.minor} or newer.`;
    findings.push({ setting: "version", where, certainty: "unsafe", message });
  }
  return findings;
}

async function askServers(connection: NatsConnection): Promise<Map<string, ServerWord>> {
  const words = new Map<string, ServerWord>();
  const hear = (answer: unknown): ServerWord => {
    const server = field(answer, "server");
    const name = textOf(server, "name");
    const word = words.get(name) ?? { isTagged: false, version: textOf(server, "ver") };
    if (listOf(server, "tags").includes(SYNC_TAG)) word.isTagged = true;
    words.set(name, word);
    return word;
  };
  for (const answer of await askAll(connection, "$SYS.REQ.ACCOUNT.PING.STATZ")) hear(answer);
  for (const answer of await askAll(connection, "$SYS.REQ.SERVER.PING.JSZ")) {
    const word = hear(answer);
    const config = field(field(answer, "data"), "config");
    if (config !== undefined) word.syncsAlways = field(config, "sync_always") === true;
  }
  return words;
}

/** Everybody's answers; none where nobody is there to answer this account. */
async function askAll(connection: NatsConnection, subject: string): Promise<unknown[]> {
  const answers: unknown[] = [];
  try {
    const options = { strategy: "stall", maxWait: ANSWERS_MS, stall: NEXT_ANSWER_MS } as const;
    const messages: AsyncIterable<Msg> = await connection.requestMany(subject, "{}", options);
    for await (const message of messages) answers.push(message.json<unknown>());
  } catch {
    // No responders, or no right to ask: nothing is known then, and that is what is said.
  }
  return answers;
}

/** The servers that keep a stream: of a cluster by name, else not known by the stream. */
function hostsOf(info: unknown): string[] {
  const cluster = field(info, "cluster");
  const names = [textOf(cluster, "leader"), ...listOf(cluster, "replicas").map((replica) => textOf(replica, "name"))];
  return names.filter((name) => name !== "");
}

function isOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor);
}
