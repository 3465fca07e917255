// Structured logs, one JSON line each. Logged at the shell's boundaries only, never in the core.

import type { DestinationStream, Logger } from "pino";
import { pino } from "pino";
import type { LogFields } from "./log-keys.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

export interface Log {
  /** For a developer with a question; off by default. */
  debug(message: string, fields?: LogFields): void;
  /** Something an operator may want to know afterwards: started, recovered, stopped. Never one line a run. */
  info(message: string, fields?: LogFields): void;
  /** It went wrong and was dealt with; a person should look if it repeats. */
  warn(message: string, fields?: LogFields): void;
  /** It went wrong and somebody was harmed, or a part of the process has stopped. */
  error(message: string, fields?: LogFields): void;
  /** A log whose every line carries these fields too. */
  with(fields: LogFields): Log;
}

export interface LogOptions {
  /** Which part of Millrace writes: `gateway`, `shard-host`, `connectors`, … */
  readonly service: string;
  /** @default "info" */
  readonly level?: LogLevel;
  /** Takes each line. @default standard error, written without blocking the event loop. */
  readonly destination?: DestinationStream;
}

export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level ?? "info",
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.errWithCause },
      messageKey: "message",
    },
    options.destination ?? pino.destination({ dest: 2, sync: false }),
  );
  return wrap(logger);
}

/** A log that goes nowhere. */
export const SILENT_LOG: Log = createLog({ service: "silent", level: "silent" });

function wrap(logger: Logger): Log {
  return {
    debug: (message, fields = {}) => {
      logger.debug(fields, message);
    },
    info: (message, fields = {}) => {
      logger.info(fields, message);
    },
    warn: (message, fields = {}) => {
      logger.warn(fields, message);
    },
    error: (message, fields = {}) => {
      logger.error(fields, message);
    },
    with: (fields) => wrap(logger.child(fields)),
  };
}
