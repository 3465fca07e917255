// What can be wrong with NATS, in words that say what to do.
import {
  AuthorizationError,
  errors,
  PermissionViolationError,
  UserAuthenticationExpiredError,
} from "@nats-io/nats-core";

export type NatsProblemCode =
  /** What was configured cannot be used: a file, a reference, a combination. */
  | "settings"
  /** No server answers. */
  | "unreachable"
  /** Server or client does not trust the other's certificate, or one of them wants TLS and the other does not. */
  | "tls"
  /** The servers do not know these credentials. */
  | "refused"
  /** The credentials are known, but do not allow a subject. */
  | "not-authorised"
  | "server-too-old"
  /** A server is configured so that it cannot be worked with. */
  | "server-settings"
  | "jetstream-off"
  /** The connection was given up for good. */
  | "closed";

export class NatsProblem extends Error {
  override readonly name = "NatsProblem";
  readonly code: NatsProblemCode;
  /** The subject that is not allowed; null with every other code. */
  readonly subject: string | null;

  constructor(code: NatsProblemCode, message: string, options?: ErrorOptions & { readonly subject?: string }) {
    super(message, options);
    this.code = code;
    this.subject = options?.subject ?? null;
  }
}

/** Node's and OpenSSL's codes of what is wrong with certificates. */
const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(?:GET|VERIFY))/;
/** What the client says when only one side wants TLS. */
const TLS_TEXT = /\btls\b/i;

/** What the client threw or reported, as a problem. */
export function problemOf(error: unknown, servers: string): NatsProblem {
  const known = causesOf(error).find((cause) => cause instanceof NatsProblem);
  if (known !== undefined) return known;
  const violation = causesOf(error).find((cause) => cause instanceof PermissionViolationError);
  if (violation !== undefined) return notAuthorised(violation);
  const reason = error instanceof Error ? error.message : String(error);
  const cause = { cause: error };
  if (causesOf(error).some(isRefusal)) {
    const fix = "Check nats.credentials, nats.nkey, nats.user or nats.token, and that the server knows them.";
    return new NatsProblem("refused", `NATS at ${servers} refuses these credentials: ${reason}. ${fix}`, cause);
  }
  if (causesOf(error).some(isAboutTls)) {
    const fix =
      "Check nats.caFile against the authority of the servers' certificates, their names against the certificates', and nats.certFile and nats.keyFile if the servers ask who we are.";
    return new NatsProblem("tls", `No TLS connection to NATS at ${servers}: ${reason}. ${fix}`, cause);
  }
  const fix =
    "Check nats.servers, that the servers run and are reached from here, and nats.certFile if they ask who we are: some hang up without a word.";
  return new NatsProblem("unreachable", `NATS at ${servers} cannot be reached: ${reason}. ${fix}`, cause);
}

function notAuthorised(violation: PermissionViolationError): NatsProblem {
  const { operation, subject } = violation;
  const verb = operation === "publish" ? "publish to" : "subscribe to";
  const fix = "Give this user the permissions that `millrace` needs for its role (docs/nats.md).";
  return new NatsProblem("not-authorised", `NATS does not let this user ${verb} ${subject}. ${fix}`, {
    cause: violation,
    subject,
  });
}

function isRefusal(error: unknown): boolean {
  return error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;
}

function isAboutTls(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && typeof error.code === "string" && TLS_CODE.test(error.code)) return true;
  const isClients = error instanceof errors.ConnectionError || error instanceof errors.InvalidArgumentError;
  return isClients && TLS_TEXT.test(error.message);
}

/** The error and what caused it, outermost first. */
function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  for (let cause = error; cause !== undefined && !causes.includes(cause); ) {
    causes.push(cause);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return causes;
}
