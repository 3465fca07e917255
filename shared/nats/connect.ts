// The connection to NATS: made once, kept for as long as the process lives.
import { access, constants } from "node:fs/promises";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { checkServerIdentity, type ConnectionOptions as NodeTlsOptions } from "node:tls";
import { type ConnectionOptions, errors, type NatsConnection, type Server } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { JETSTREAM_OFF_FOR_ACCOUNT, JetStreamRefused } from "./answer.ts";
import { ConnectionNews } from "./connection-news.ts";
import { jetStreamRequest } from "./jetstream.ts";
import { authenticatorOf } from "./login.ts";
import { type NatsNames, natsNames } from "./names.ts";
import { NatsProblem, problemOf } from "./problem.ts";
import type { NatsSettings, NatsTls } from "./settings.ts";

/** The oldest server whose JetStream Millrace is tested with. */
const SERVER_MAJOR_MIN = 2;
const SERVER_MINOR_MIN = 12;

/** What servers must take in one message, bytes: their default, and enough for a journal's record and a message of the bus. */
const PAYLOAD_BYTES_MIN = 1024 * 1024;

/** How long one server may take to greet us. One that stands still takes connections and never does; others may wait. */
const DIAL_MS = 3_000;

/**
 * How often a quiet connection is tried, and how many tries in a row may stay unanswered: a server that stands still or is
 * cut off is given up after 3 to 4 s. The default is 6 minutes, in which nobody here could own a shard.
 */
const PING_EVERY_MS = 1_000;
const PINGS_UNANSWERED_MAX = 3;

/** Between two tries of the same server: short at first, as a restart is over soon, and never long. */
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;

/** How long a connection may take to send what it has before it is closed all the same. */
const DRAIN_MS = 2_000;

/** What adapters need of NATS. */
export interface NatsClient {
  readonly connection: NatsConnection;
  readonly names: NatsNames;
}

/**
 * Connects, and checks that the servers are new enough and serve JetStream to us. Rejects with {@link NatsProblem}.
 * From then on a lost connection is made anew for ever; `report` hears what servers complain of meanwhile.
 */
export async function connectNats(
  settings: NatsSettings,
  report: (problem: NatsProblem) => void = () => {},
): Promise<NatsClient> {
  const names = natsNames(settings.prefix);
  const dial = new Dial();
  const options = await optionsOf(settings, dial);
  let connection: NatsConnection;
  try {
    connection = await connect(options);
  } catch (error: unknown) {
    throw problemOf(error, settings.servers.join(", "));
  }
  const news = ConnectionNews.of(connection);
  dial.over(connection.getServer());
  news.listen((isUp) => {
    if (isUp) dial.over(connection.getServer());
  });
  try {
    checkVersion(connection);
    checkPayload(connection);
    await checkJetStream(connection);
  } catch (error: unknown) {
    await connection.close();
    throw problemOf(error, connection.getServer());
  }
  news.report(report);
  return { connection, names };
}

/** Sends what was published, hears what was sent to us, and closes; without a server, closes. */
export async function closeNats({ connection }: NatsClient): Promise<void> {
  if (connection.isClosed()) return;
  const abort = new AbortController();
  const late = pause(DRAIN_MS, undefined, { signal: abort.signal }).catch(() => {});
  await Promise.race([connection.drain().catch(() => {}), late]);
  abort.abort();
  await connection.close();
}

async function optionsOf(settings: NatsSettings, dial: Dial): Promise<ConnectionOptions> {
  const { servers, name, prefix, login, tls } = settings;
  if (servers.length === 0) throw new NatsProblem("settings", "nats.servers is empty: name at least one server.");
  const wantsTls = tls !== null || servers.some((server) => server.startsWith("tls://"));
  return {
    servers: [...servers],
    name,
    inboxPrefix: natsNames(prefix).inbox,
    ...(login === null ? {} : { authenticator: authenticatorOf(login) }),
    ...(wantsTls ? { tls: await tlsOf(tls, dial) } : {}),
    reconnectToServer: (pool) => dial.begin(pool),
    timeout: DIAL_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => dial.waitMs,
    // Credentials that are refused now may be right in a minute: they are being changed, or the server is.
    ignoreAuthErrorAbort: true,
    // A process that plays several roles talks to itself over its one connection.
    noEcho: false,
    // Otherwise every request makes an error in advance, for the stack in it.
    noAsyncTraces: true,
  };
}

type TlsOptions = NonNullable<ConnectionOptions["tls"]> & Pick<NodeTlsOptions, "checkServerIdentity">;

async function tlsOf(tls: NatsTls | null, dial: Dial): Promise<TlsOptions> {
  const options: TlsOptions = {
    // The client does not tell Node which address it has dialled, and Node then looks for "localhost".
    checkServerIdentity: (host, certificate) =>
      checkServerIdentity(host === "localhost" && isIP(dial.host) !== 0 ? dial.host : host, certificate),
  };
  if (tls === null) return options;
  if ((tls.certFile === null) !== (tls.keyFile === null)) {
    throw new NatsProblem("settings", "nats.certFile and nats.keyFile go together: give both or neither.");
  }
  for (const option of ["caFile", "certFile", "keyFile"] as const) {
    const path = tls[option];
    if (path === null) continue;
    await access(path, constants.R_OK).catch(() => {
      throw new NatsProblem("settings", `nats.${option}: ${path} cannot be read.`);
    });
    options[option] = path;
  }
  return options;
}

function checkVersion(connection: NatsConnection): void {
  const version = connection.info?.version ?? "of no known version";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > SERVER_MAJOR_MIN || (major === SERVER_MAJOR_MIN && minor >= SERVER_MINOR_MIN)) return;
  const wanted = `${SERVER_MAJOR_MIN}.${SERVER_MINOR_MIN}`;
  throw new NatsProblem(
    "server-too-old",
    `The NATS server at ${connection.getServer()} is ${version}; Millrace needs ${wanted} or newer. Upgrade all servers.`,
  );
}

function checkPayload(connection: NatsConnection): void {
  const bytes = connection.info?.max_payload ?? 0;
  if (bytes >= PAYLOAD_BYTES_MIN) return;
  const at = `The NATS server at ${connection.getServer()}`;
  const fix = `Set \`max_payload: ${PAYLOAD_BYTES_MIN}\` in the servers' configuration, or leave it out.`;
  throw new NatsProblem(
    "server-settings",
    `${at} takes messages of ${bytes} bytes; Millrace sends larger ones. ${fix}`,
  );
}

async function checkJetStream(connection: NatsConnection): Promise<void> {
  const at = `JetStream at ${connection.getServer()}`;
  try {
    await jetStreamRequest(connection, "INFO");
  } catch (error: unknown) {
    if (error instanceof errors.RequestError && error.isNoResponders()) {
      const fix = "Set `jetstream { … }` in the servers' configuration.";
      throw new NatsProblem("jetstream-off", `${at} is off. ${fix}`, { cause: error });
    }
    if (error instanceof JetStreamRefused && error.code === JETSTREAM_OFF_FOR_ACCOUNT) {
      const fix = "Enable it in the account's configuration (`jetstream: enabled`), or give its JWT limits.";
      throw new NatsProblem("jetstream-off", `${at} is off for this account. ${fix}`, { cause: error });
    }
    throw error;
  }
}

/** The tries to connect since the last connection. */
class Dial {
  /** The address or name of the server tried last. */
  host = "";
  /** How long to leave a server alone: doubled by every try, and half of it by chance, so that clients spread. */
  waitMs = RECONNECT_FIRST_MS;
  /** The server of the last connection. */
  #last = "";
  #tries = 0;

  /** The server to try, of those in turn. Not at first the one that was just lost: it may stand still, and cost a wait. */
  begin(pool: readonly Server[]): Server | null {
    const [next, other] = pool;
    const chosen = (this.#tries === 0 && next?.listen === this.#last ? other : undefined) ?? next ?? null;
    const ms = Math.min(RECONNECT_FIRST_MS * 2 ** this.#tries++, RECONNECT_MAX_MS);
    this.waitMs = ms * (0.5 + Math.random() / 2);
    this.host = chosen?.hostname ?? "";
    return chosen;
  }

  over(server: string): void {
    this.#last = server;
    this.#tries = 0;
  }
}
