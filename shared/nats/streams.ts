// Streams as Millrace needs them: made when they are missing, mended where that loses nothing, and else left alone.
import { setTimeout as pause } from "node:timers/promises";
import { type NatsConnection, RequestError, TimeoutError } from "@nats-io/nats-core";
import {
  field,
  JetStreamRefused,
  NO_CLUSTER,
  NO_PEERS,
  NOT_AVAILABLE,
  STORE_NOT_MADE,
  STREAM_NAME_TAKEN,
  STREAM_NOT_FOUND,
} from "./answer.ts";
import { jetStreamRequest, NotConnected } from "./jetstream.ts";
import { NatsProblem } from "./problem.ts";

/** The settings of a stream, by JetStream's own names: all that matter, also those that are defaults. */
export interface StreamConfig extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly num_replicas: Replicas;
}

/** How many servers keep a stream: 1 loses what that server loses, 3 outlive one of them, 5 two. */
export type Replicas = 1 | 3 | 5;

/** What could have lost messages already, or could lose them unnoticed: a stream that has it otherwise is not touched. */
const FIXED: ReadonlySet<string> = new Set([
  "storage",
  "retention",
  "discard",
  "max_age",
  "max_msgs",
  "max_msgs_per_subject",
  "subjects",
  "no_ack",
  "sealed",
  "deny_purge",
  "allow_msg_ttl",
  "allow_rollup_hdrs",
]);

/** What all streams of Millrace have in common: on disk, full rather than forgetful, and read from any replica. */
export const KEEPING = {
  storage: "file",
  retention: "limits",
  discard: "new",
  max_age: 0,
  max_msgs: -1,
  no_ack: false,
  sealed: false,
  deny_delete: true,
  deny_purge: false,
  allow_msg_ttl: false,
  allow_direct: true,
  // The shortest that JetStream takes. No message has an ID, so none is ever a duplicate.
  duplicate_window: 100e6,
} as const;

/**
 * How long to go on while servers do not answer, or are not enough yet: they may be starting just now, like everybody else.
 * Who asks for a stream that another process is having made is not answered at all.
 */
const PATIENCE_MS = 15_000;
const TRY_MS = 2_000;
const BETWEEN_TRIES_MS = 100;

/**
 * Makes the stream if it is not there. One that is there gets settings that differ, if that loses nothing; it never gets
 * fewer replicas. Rejects with {@link NatsProblem} when it cannot be used, and like `jetStreamRequest`.
 */
export async function ensureStream(connection: NatsConnection, wanted: StreamConfig): Promise<void> {
  const giveUpMs = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await tryToEnsure(connection, wanted);
    } catch (error: unknown) {
      if (performance.now() > giveUpMs || !mayPass(error)) throw explained(error, wanted);
    }
    await pause(BETWEEN_TRIES_MS);
  }
}

async function tryToEnsure(connection: NatsConnection, wanted: StreamConfig): Promise<void> {
  const found = (await configOf(connection, wanted.name)) ?? (await made(connection, wanted));
  if (found === null) return;
  const differing = Object.keys(wanted).filter((setting) => !isAs(field(found, setting), wanted[setting]));
  refuse(wanted, found, differing);
  const mended = differing.filter((setting) => setting !== "num_replicas" || hasFewer(found, wanted));
  if (mended.length === 0) return;
  const settings = Object.fromEntries(mended.map((setting) => [setting, wanted[setting]]));
  await jetStreamRequest(connection, `STREAM.UPDATE.${wanted.name}`, { ...found, ...settings }, TRY_MS);
}

/** What JetStream says of a stream; null = there is none. */
export async function streamInfo(connection: NatsConnection, name: string): Promise<unknown> {
  try {
    return await jetStreamRequest(connection, `STREAM.INFO.${name}`, {}, TRY_MS);
  } catch (error: unknown) {
    if (error instanceof JetStreamRefused && error.code === STREAM_NOT_FOUND) return null;
    throw error;
  }
}

/** null = there is none. */
async function configOf(connection: NatsConnection, name: string): Promise<object | null> {
  const config = field(await streamInfo(connection, name), "config");
  return typeof config === "object" ? config : null;
}

/** null = it was made; else another process was faster, perhaps from other settings. */
async function made(connection: NatsConnection, wanted: StreamConfig): Promise<object | null> {
  try {
    await jetStreamRequest(connection, `STREAM.CREATE.${wanted.name}`, wanted, TRY_MS);
    return null;
  } catch (error: unknown) {
    if (!(error instanceof JetStreamRefused) || error.code !== STREAM_NAME_TAKEN) throw error;
    return await configOf(connection, wanted.name);
  }
}

const PASSING: ReadonlySet<number> = new Set([NOT_AVAILABLE, NO_PEERS, STORE_NOT_MADE]);

function mayPass(error: unknown): boolean {
  if (error instanceof JetStreamRefused) return PASSING.has(error.code);
  return (
    error instanceof NotConnected ||
    error instanceof TimeoutError ||
    (error instanceof RequestError && error.isNoResponders())
  );
}

function explained(error: unknown, { name, num_replicas: replicas }: StreamConfig): unknown {
  if (!(error instanceof JetStreamRefused)) return error;
  if (error.code !== NO_PEERS && error.code !== NO_CLUSTER) return error;
  const what = `The stream ${name} needs ${replicas} NATS servers that are one cluster and have room: ${error.message}`;
  const fix = "Start the others, or set nats.replicas to 1 to run on one server, whose disk then holds the only copy.";
  return new NatsProblem("server-settings", `${what} ${fix}`, { cause: error });
}

function refuse(wanted: StreamConfig, found: object, differing: readonly string[]): void {
  const complaints = differing
    .filter((setting) => FIXED.has(setting))
    .map((setting) => `${setting} is ${shown(field(found, setting))}, not ${shown(wanted[setting])}`);
  for (const setting of ["mirror", "sources", "subject_transform"]) {
    if (field(found, setting) !== undefined) complaints.push(`${setting} is set`);
  }
  if (field(found, "persist_mode") === "async") complaints.push("persist_mode is async: it acks before it writes");
  if (complaints.length === 0) return;
  throw new NatsProblem(
    "server-settings",
    `The stream ${wanted.name} is not as Millrace needs it: ${complaints.join("; ")}. It was not made by Millrace, or changed since: back it up and remove it, or choose another nats.prefix.`,
  );
}

function hasFewer(found: object, wanted: StreamConfig): boolean {
  return Number(field(found, "num_replicas")) < wanted.num_replicas;
}

/** JetStream leaves out what is false or zero. */
function isAs(found: unknown, wanted: unknown): boolean {
  return shown(found ?? false) === shown(wanted) || (found === undefined && wanted === 0);
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "not set";
}
