// The configuration of a server from the command line, the environment and a file.
import { readFile } from "node:fs/promises";
import { type Config, readConfig } from "@millrace/config/config.ts";

/** Flags by the option they set. */
const FLAGS = {
  host: "gateway.host",
  grpcPort: "gateway.grpcPort",
  httpPort: "gateway.httpPort",
  data: "storage.folder",
  shards: "storage.shards",
  retention: "storage.retention",
  name: "cluster.name",
  clusterShards: "cluster.shards",
  natsReplicas: "nats.replicas",
  logLevel: "log.level",
} as const;

/** … and those that take several values. */
const LIST_FLAGS = { httpAllow: "connectors.httpAllow", nats: "nats.servers", role: "cluster.roles" } as const;

export type ServerFlags = { readonly [Flag in keyof typeof FLAGS]?: string } & {
  readonly config?: string;
} & { readonly [Flag in keyof typeof LIST_FLAGS]?: readonly string[] };

/** The configuration; undefined after telling what is wrong with it. */
export async function serverConfig(flags: ServerFlags): Promise<Config | undefined> {
  const given: Record<string, string> = {};
  for (const [flag, option] of Object.entries(FLAGS)) {
    const value = Object.entries(flags).find(([name]) => name === flag)?.[1];
    if (typeof value === "string") given[option] = value;
  }
  for (const [flag, option] of Object.entries(LIST_FLAGS)) {
    const values: unknown = Object.entries(flags).find(([name]) => name === flag)?.[1];
    if (Array.isArray(values)) given[option] = values.join(",");
  }
  const file = flags.config === undefined ? null : await readFile(flags.config, "utf8").catch(() => undefined);
  if (file === undefined) return refused([`--config: ${flags.config ?? ""} cannot be read. Name an existing file.`]);
  const outcome = readConfig({
    file: file === null ? null : { name: flags.config ?? "", text: file },
    environment: process.env,
    flags: given,
  });
  return outcome.type === "config"
    ? outcome.config
    : refused(outcome.problems.map(({ message }) => namedFlag(message)));
}

function refused(messages: readonly string[]): undefined {
  for (const message of messages) process.stderr.write(`error: ${message}\n`);
}

/** Flags are shorter than the options they set. */
function namedFlag(message: string): string {
  let named = message;
  for (const [flag, option] of Object.entries({ ...FLAGS, ...LIST_FLAGS })) {
    named = named.replaceAll(`flag --${kebab(option)}`, `flag --${kebab(flag)}`);
  }
  return named;
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replaceAll(".", "-");
}
