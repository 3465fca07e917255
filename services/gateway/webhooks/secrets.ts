// Secrets by reference: `env:NAME` or `file:PATH`. Values stay in here and in the verifiers' arguments; they are never
// logged, never part of an error, and a reference may hold several during a rotation.
import { readFile, stat } from "node:fs/promises";
import type { Clock } from "@millrace/clock/clock.ts";

/** How long a file is trusted not to have changed: a rotation takes effect within this. */
const LOOK_AGAIN_MS = 1_000;

/** Bytes of a secret file. */
const FILE_BYTES_MAX = 64 * 1024;

/** Secrets that count at once under one reference. */
const ACTIVE_MAX = 10;

/** References kept read. */
const CACHED_MAX = 1_000;

interface CachedFile {
  readonly lookedMs: number;
  /** Modification time and size, as the file system says them. */
  readonly version: string;
  readonly secrets: readonly string[];
}

/** Why there is no secret; names the reference, never a value. */
export class SecretMissing extends Error {
  override readonly name = "SecretMissing";
}

export class Secrets {
  readonly #clock: Clock;
  readonly #files = new Map<string, CachedFile>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The secrets a reference stands for now, at least one: a variable or a file may list several, separated by commas or
   * line breaks. Rejects with {@link SecretMissing}.
   */
  async resolve(reference: string): Promise<readonly string[]> {
    if (reference.startsWith("env:")) return this.#fromEnvironment(reference.slice("env:".length));
    if (reference.startsWith("file:")) return this.#fromFile(reference.slice("file:".length));
    throw new SecretMissing(`The secret reference ${JSON.stringify(reference)} is neither env:NAME nor file:PATH.`);
  }

  #fromEnvironment(name: string): readonly string[] {
    const secrets = split(process.env[name] ?? "");
    if (secrets.length === 0) throw new SecretMissing(`The environment variable ${name} is not set or empty.`);
    return secrets;
  }

  async #fromFile(path: string): Promise<readonly string[]> {
    const nowMs = this.#clock.monotonicMs();
    const cached = this.#files.get(path);
    if (cached !== undefined && nowMs - cached.lookedMs < LOOK_AGAIN_MS) return cached.secrets;
    try {
      const { mtimeMs, size } = await stat(path);
      const version = `${mtimeMs}:${size}`;
      const unchanged = cached?.version === version;
      const secrets = unchanged ? cached.secrets : await read(path, size);
      if (this.#files.size >= CACHED_MAX) this.#files.clear();
      this.#files.set(path, { lookedMs: nowMs, version, secrets });
      return secrets;
    } catch (error: unknown) {
      if (error instanceof SecretMissing) throw error;
      throw new SecretMissing(`The secret file ${path} cannot be read.`);
    }
  }
}

async function read(path: string, size: number): Promise<readonly string[]> {
  if (size > FILE_BYTES_MAX) throw new SecretMissing(`The secret file ${path} is over ${FILE_BYTES_MAX} bytes.`);
  const secrets = split(await readFile(path, "utf8"));
  if (secrets.length === 0) throw new SecretMissing(`The secret file ${path} is empty.`);
  return secrets;
}

function split(text: string): readonly string[] {
  return text
    .split(/[,\r\n]+/)
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "")
    .slice(0, ACTIVE_MAX);
}
