// How NATS is reached, as it is configured: see the section `nats` of the configuration.

export interface NatsSettings {
  /** `host:port`, each with `nats://` or `tls://` in front of it or without. */
  readonly servers: readonly string[];
  /** What the servers' monitoring calls this client. */
  readonly name: string;
  /** What begins all names of the cluster. */
  readonly prefix: string;
  readonly login: NatsLogin | null;
  /** null = TLS only where the servers ask for it, with the system's authorities. */
  readonly tls: NatsTls | null;
}

/** Who we are. Secrets are references: `env:NAME` or `file:PATH`. */
export type NatsLogin =
  /** A file with a user's JWT and seed, as `nsc` writes it. */
  | { readonly type: "credentials"; readonly file: string }
  /** A reference to a user's seed (`SU…`). */
  | { readonly type: "nkey"; readonly seed: string }
  | { readonly type: "user"; readonly user: string; readonly password: string }
  | { readonly type: "token"; readonly token: string };

/** PEM files, read again at every connection. */
export interface NatsTls {
  /** Whom to trust instead of the system's authorities; null = those. */
  readonly caFile: string | null;
  /** Who we are, for servers that ask; with `keyFile` or not at all. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}
