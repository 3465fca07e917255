import type { Section } from "./section.ts";

const LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** What is written to standard error. Per process. */
export interface LogConfig {
  /**
   * The least level that is written: debug, info, warn, error, or silent for nothing.
   * @default "info"
   */
  readonly level: (typeof LEVELS)[number];
}

export function readLog(section: Section): LogConfig {
  return { level: section.choice("level", "info", LEVELS) };
}
