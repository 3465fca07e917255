import type { Section } from "./section.ts";

/** The NATS servers that make processes a cluster. Per cluster, but for who this process is: `credentials` to `keyFile`. */
export interface NatsConfig {
  /**
   * Servers to connect to, at most 16: `host:port`, with `nats://` or `tls://` in front of it or without. They name the
   * others of their cluster themselves. `tls://` takes no connection without TLS.
   * @default none: the process is on its own, with its data in its folder
   */
  readonly servers: readonly string[];
  /**
   * What begins the names of all subjects, streams and buckets of this cluster: 1 to 32 characters of a-z, 0-9 and -. Two
   * clusters on the same servers need two.
   * @default "millrace"
   */
  readonly prefix: string;
  /**
   * Who this process is, given in one of four ways: `credentials`, a file with a user's JWT and seed; `nkey`, a reference
   * to a user's seed; `user` with `password`, a reference; `token`, a reference. References are `env:NAME` or `file:PATH`.
   * @default none: nobody is asked
   */
  readonly login: NatsLoginConfig | null;
  /**
   * PEM files: `caFile` is whom to trust instead of the system's authorities; `certFile` and `keyFile` are who this process
   * is, for servers that ask. With any of them no connection is made without TLS.
   * @default none: TLS only where servers ask for it
   */
  readonly tls: NatsTlsConfig | null;
  /**
   * How many servers keep everything, 1, 3 or 5. With 1, what that server's disk loses is lost.
   * @default 3
   */
  readonly replicas: 1 | 3 | 5;
  /**
   * How many streams the journals of shards are spread over, 1 to 64. Each syncs on its own, and is a Raft group of which a
   * NATS cluster takes some thousand in all. More can be added later, fewer cannot.
   * @default 4
   */
  readonly streams: number;
}

export type NatsLoginConfig =
  | { readonly type: "credentials"; readonly file: string }
  | { readonly type: "nkey"; readonly seed: string }
  | { readonly type: "user"; readonly user: string; readonly password: string }
  | { readonly type: "token"; readonly token: string };

export interface NatsTlsConfig {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

const SERVERS_MAX = 16;
/** A host name of at most 253 characters (RFC 1035), or an IPv6 address in brackets; the port can be left out. */
const SERVER = /^(?:(?:nats|tls):\/\/)?(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;
const PREFIX = /^[a-z0-9-]{1,32}$/;
/** Linux refuses longer paths. */
const PATH_CHARACTERS_MAX = 4096;
const USER_CHARACTERS_MAX = 256;
/** More are no faster, and each costs memory and elections on every server. */
const STREAMS_MAX = 64;

export function readNats(section: Section): NatsConfig {
  return {
    servers: section.list("servers", SERVERS_MAX, {
      what: "servers, host:port, nats://host:port or tls://host:port, without a user or a password",
      accepts: (word) => SERVER.test(word),
    }),
    prefix: section.matching("prefix", "millrace", { what: "1 to 32 characters of a-z, 0-9 and -", pattern: PREFIX }),
    login: readLogin(section),
    tls: readTls(section),
    replicas: section.number("replicas", 3, [1, 3, 5]),
    streams: section.integer("streams", 4, { min: 1, max: STREAMS_MAX }),
  };
}

function readLogin(section: Section): NatsLoginConfig | null {
  const file = section.optionalText("credentials", PATH_CHARACTERS_MAX);
  const seed = section.secret("nkey", PATH_CHARACTERS_MAX);
  const user = section.optionalText("user", USER_CHARACTERS_MAX);
  const password = section.secret("password", PATH_CHARACTERS_MAX);
  const token = section.secret("token", PATH_CHARACTERS_MAX);
  const given = Object.entries({ credentials: file, nkey: seed, user, token }).filter(([, value]) => value !== null);
  const names = given.map(([option]) => `nats.${option}`);
  if (names.length > 1)
    section.refuse(names.at(-1) ?? "", `${names.join(" and ")} exclude one another. Keep one of them.`);
  if ((user === null) !== (password === null)) {
    section.refuse("nats.password", "nats.user and nats.password go together. Give both or neither.");
  }
  if (file !== null) return { type: "credentials", file };
  if (seed !== null) return { type: "nkey", seed };
  if (user !== null && password !== null) return { type: "user", user, password };
  return token === null ? null : { type: "token", token };
}

function readTls(section: Section): NatsTlsConfig | null {
  const caFile = section.optionalText("caFile", PATH_CHARACTERS_MAX);
  const certFile = section.optionalText("certFile", PATH_CHARACTERS_MAX);
  const keyFile = section.optionalText("keyFile", PATH_CHARACTERS_MAX);
  if ((certFile === null) !== (keyFile === null)) {
    section.refuse("nats.keyFile", "nats.certFile and nats.keyFile go together. Give both or neither.");
  }
  return caFile === null && certFile === null && keyFile === null ? null : { caFile, certFile, keyFile };
}
