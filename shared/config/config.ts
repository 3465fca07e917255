// Everything that can be set, and where it is read from.
import { parseDocument } from "yaml";
import { type ConnectorsConfig, readConnectors } from "./connectors.ts";
import { type GatewayConfig, readGateway } from "./gateway.ts";
import { type LogConfig, readLog } from "./log.ts";
import { type NatsConfig, readNats } from "./nats.ts";
import { type ConfigProblem, type ConfigSources, Section } from "./section.ts";
import { readStorage, type StorageConfig } from "./storage.ts";

export interface Config {
  readonly gateway: GatewayConfig;
  readonly storage: StorageConfig;
  readonly nats: NatsConfig;
  readonly connectors: ConnectorsConfig;
  readonly log: LogConfig;
}

/** All options with usable values, or every problem there is. */
export type ConfigOutcome =
  | { readonly type: "config"; readonly config: Config }
  | { readonly type: "problems"; readonly problems: readonly ConfigProblem[] };

export interface ConfigInput {
  /** The configuration file, YAML or JSON; null = none. */
  readonly file: { readonly name: string; readonly text: string } | null;
  /** `process.env`, of which `MILLRACE_…` is read. */
  readonly environment: ConfigSources["environment"];
  /** Flags by option: `gateway.grpcPort` → `7400`. */
  readonly flags: ConfigSources["flags"];
}

/** Reads the configuration: a flag goes before an environment variable, that before the file, that before the default. */
export function readConfig(input: ConfigInput): ConfigOutcome {
  const parsed = parseFile(input.file);
  if (parsed.type === "problems") return parsed;
  const { environment, flags } = input;
  const sources = { file: parsed.values, fileName: input.file?.name ?? "", environment, flags };
  const problems: ConfigProblem[] = [];
  const names: string[] = [];
  const read = <Part>(name: string, reader: (section: Section) => Part): Part => {
    const section = new Section(sources, name);
    const part = reader(section);
    section.finish();
    problems.push(...section.problems);
    names.push(name);
    return part;
  };
  const config: Config = {
    gateway: read("gateway", readGateway),
    storage: read("storage", readStorage),
    nats: read("nats", readNats),
    connectors: read("connectors", readConnectors),
    log: read("log", readLog),
  };
  const sections = [...Object.keys(parsed.values), ...Object.keys(flags).map((flag) => flag.split(".")[0] ?? flag)];
  for (const name of new Set(sections)) {
    if (names.includes(name)) continue;
    problems.push({ option: name, message: `${name} is no section. Remove it or choose from: ${names.join(", ")}.` });
  }
  return problems.length === 0 ? { type: "config", config } : { type: "problems", problems };
}

type ParsedFile =
  | { readonly type: "values"; readonly values: Readonly<Record<string, unknown>> }
  | { readonly type: "problems"; readonly problems: readonly ConfigProblem[] };

function parseFile(file: ConfigInput["file"]): ParsedFile {
  if (file === null) return { type: "values", values: {} };
  const document = parseDocument(file.text);
  const [error] = document.errors;
  if (error !== undefined) {
    return {
      type: "problems",
      problems: [{ option: "", message: `${file.name} is neither YAML nor JSON: ${error.message}` }],
    };
  }
  const values: unknown = document.toJS() ?? {};
  if (typeof values === "object" && values !== null && !Array.isArray(values)) {
    return { type: "values", values: Object.fromEntries(Object.entries(values)) };
  }
  const message = `${file.name} holds no sections. Write "gateway:", and below it "grpcPort: 7400", for example.`;
  return { type: "problems", problems: [{ option: "", message }] };
}
