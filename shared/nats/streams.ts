// Streams as Millrace needs them: made when they are missing, mended where that loses nothing, and else left alone.
import type { NatsConnection } from "@nats-io/nats-core";
import { field } from "./answer.ts";
import {
  JetStreamRefused,
  jetStreamRequest,
  STREAM_NAME_TAKEN,
  STREAM_NOT_FOUND,
  TOO_FEW_SERVERS,
} from "./jetstream.ts";
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
  "sealed",
]);

/**
 * Makes the stream if it is not there. One that is there gets settings that differ, if that loses nothing; it never gets
 * fewer replicas. Rejects with {@link NatsProblem} when it cannot be used, and like `jetStreamRequest`.
 */
export async function ensureStream(connection: NatsConnection, wanted: StreamConfig): Promise<void> {
  const found = (await configOf(connection, wanted.name)) ?? (await made(connection, wanted));
  if (found === null) return;
  const differing = Object.keys(wanted).filter((setting) => !isAs(field(found, setting), wanted[setting]));
  refuse(wanted, found, differing);
  const mended = differing.filter((setting) => setting !== "num_replicas" || hasFewer(found, wanted));
  if (mended.length === 0) return;
  const settings = Object.fromEntries(mended.map((setting) => [setting, wanted[setting]]));
  await jetStreamRequest(connection, `STREAM.UPDATE.${wanted.name}`, { ...found, ...settings });
}

/** null = there is none. */
async function configOf(connection: NatsConnection, name: string): Promise<object | null> {
  try {
    const config = field(await jetStreamRequest(connection, `STREAM.INFO.${name}`), "config");
    return typeof config === "object" ? config : null;
  } catch (error: unknown) {
    if (error instanceof JetStreamRefused && error.code === STREAM_NOT_FOUND) return null;
    throw error;
  }
}

/** null = it was made; else another process was faster, perhaps from other settings. */
async function made(connection: NatsConnection, wanted: StreamConfig): Promise<object | null> {
  try {
    await jetStreamRequest(connection, `STREAM.CREATE.${wanted.name}`, wanted);
    return null;
  } catch (error: unknown) {
    if (!(error instanceof JetStreamRefused)) throw error;
    if (TOO_FEW_SERVERS.has(error.code)) throw tooFewServers(wanted, error);
    if (error.code !== STREAM_NAME_TAKEN) throw error;
    return await configOf(connection, wanted.name);
  }
}

function tooFewServers({ name, num_replicas: replicas }: StreamConfig, cause: JetStreamRefused): NatsProblem {
  const fix = "Start the others, or set nats.replicas to 1 to run on one server, whose disk then holds the only copy.";
  return new NatsProblem(
    "server-settings",
    `The stream ${name} needs ${replicas} NATS servers that are one cluster, and there are fewer now. ${fix}`,
    { cause },
  );
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
