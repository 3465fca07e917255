// Who we are, told to a server at every connection. Secrets are read anew each time, so that they can be changed under a
// running process. Values stay in here and in the client: they are never part of an error.
import { readFileSync } from "node:fs";
import { type Authenticator, credsAuthenticator, nkeyAuthenticator, nkeys } from "@nats-io/nats-core";
import { NatsProblem } from "./problem.ts";
import type { NatsLogin } from "./settings.ts";

/** Bytes of a file with a secret: a JWT with many permissions has some thousand. */
const FILE_BYTES_MAX = 64 * 1024;

const SEED = /^SU[A-Z2-7]{56}$/m;

/** What the client asks at every connection. Throws {@link NatsProblem} when what is configured cannot be used now. */
export function authenticatorOf(login: NatsLogin): Authenticator {
  switch (login.type) {
    case "credentials": {
      const read = keeping(() => {
        const bytes = readFile(login.file);
        credsAuthenticator(bytes)("nonce"); // Throws unless both parts are there.
        return bytes;
      }, `nats.credentials: ${login.file} holds no user's JWT and seed. Give the .creds file that nsc wrote.`);
      return credsAuthenticator(read);
    }
    case "nkey": {
      const read = keeping(() => {
        const [seed = ""] = SEED.exec(readSecret(login.seed)) ?? [];
        const bytes = new TextEncoder().encode(seed);
        nkeys.fromSeed(bytes);
        return bytes;
      }, `nats.nkey: ${login.seed} holds no user's seed. Give one that begins with SU.`);
      return nkeyAuthenticator(read);
    }
    case "user": {
      const read = keeping(() => readSecret(login.password), `nats.password: ${login.password} holds no password.`);
      return () => ({ user: login.user, pass: read() });
    }
    case "token": {
      const read = keeping(() => readSecret(login.token), `nats.token: ${login.token} holds no token.`);
      return () => ({ auth_token: read() });
    }
  }
}

/**
 * Reads now and at every call. Throws only now: once connected, what cannot be read any more is what it was before, as the
 * client gives up for good when it cannot say who it is.
 */
function keeping<Value>(read: () => Value, otherwise: string): () => Value {
  let kept: Value;
  try {
    kept = read();
  } catch (error: unknown) {
    throw error instanceof NatsProblem ? error : new NatsProblem("settings", otherwise);
  }
  return () => {
    try {
      kept = read();
    } catch {
      // Half-written, or gone for a moment: the next connection looks again.
    }
    return kept;
  };
}

function readSecret(reference: string): string {
  if (reference.startsWith("env:")) {
    const name = reference.slice("env:".length);
    const value = process.env[name] ?? "";
    if (value === "") throw new NatsProblem("settings", `The environment variable ${name} is not set or empty.`);
    return value;
  }
  if (reference.startsWith("file:")) {
    const path = reference.slice("file:".length);
    const value = readFile(path).toString("utf8").trim();
    if (value === "") throw new NatsProblem("settings", `The secret file ${path} is empty.`);
    return value;
  }
  throw new NatsProblem(
    "settings",
    `The secret reference ${JSON.stringify(reference)} is neither env:NAME nor file:PATH.`,
  );
}

/** Not waiting: the client asks in the middle of a connection, and cannot wait either. */
function readFile(path: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new NatsProblem("settings", `The secret file ${path} cannot be read.`);
  }
  if (bytes.length > FILE_BYTES_MAX) {
    throw new NatsProblem("settings", `The secret file ${path} is over ${FILE_BYTES_MAX} bytes.`);
  }
  return bytes;
}
