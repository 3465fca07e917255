import { type ChannelCredentials, credentials } from "@grpc/grpc-js";

/** What a TLS connection needs, as PEM bytes. */
export interface TlsFiles {
  /** Whom to trust instead of the system's authorities. */
  readonly rootCertificates?: Buffer;
  /** Who we are, for servers that ask; with `certificateChain` or not at all. */
  readonly privateKey?: Buffer;
  readonly certificateChain?: Buffer;
}

/** Plain text without `tls`. */
export function credentialsOf(tls: TlsFiles | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.rootCertificates ?? null, tls.privateKey ?? null, tls.certificateChain ?? null);
}
