/** Most bytes of log lines an attempt keeps, the last "truncated" line included (workers.proto). */
export const LOG_BYTES_MAX = 64 * 1024;

/** Room kept for the line that says that lines are missing. */
const TRUNCATED_BYTES = 64;

/** Fields of a log line; anything JSON.stringify takes. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Lines kept with the attempt and shown in its timeline: at most 64 KiB, then one line "truncated". */
export interface TaskLog {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export class AttemptLog implements TaskLog {
  readonly #nowMs: () => number;
  readonly #lines: string[] = [];
  /** Bytes of the JSON array so far: its brackets, lines and commas. */
  #bytes = 2;
  #truncated = false;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  info(message: string, fields?: LogFields): void {
    this.#add("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#add("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#add("error", message, fields);
  }

  /** The lines as a UTF-8 JSON array, empty if there are none; one line "truncated" if they have over `bytesMax`. */
  encode(bytesMax: number): Buffer {
    if (this.#lines.length === 0) return Buffer.alloc(0);
    const lines = this.#bytes + TRUNCATED_BYTES > bytesMax ? [truncatedLine(this.#nowMs())] : this.#lines;
    return Buffer.from(`[${lines.join(",")}]`);
  }

  #add(level: string, message: string, fields: LogFields | undefined): void {
    if (this.#truncated) return;
    const t = this.#nowMs();
    const line = lineOf({ t, level, msg: message.toWellFormed() }, fields);
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#bytes + bytes > LOG_BYTES_MAX - TRUNCATED_BYTES) {
      this.#truncated = true;
      this.#lines.push(truncatedLine(t));
      return;
    }
    this.#bytes += bytes;
    this.#lines.push(line);
  }
}

function truncatedLine(t: number): string {
  return JSON.stringify({ t, level: "warn", msg: "truncated" });
}

function lineOf(line: { t: number; level: string; msg: string }, fields: LogFields | undefined): string {
  if (fields === undefined) return JSON.stringify(line);
  try {
    return JSON.stringify({ ...line, fields }).toWellFormed();
  } catch {
    // A cycle or a BigInt: a log line must never be what fails an attempt.
    return JSON.stringify({ ...line, fields: "not JSON" });
  }
}
