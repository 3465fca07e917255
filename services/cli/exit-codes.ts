/** What the exit status of every command means (docs/cli.md). */
export const EXIT = {
  done: 0,
  /** The run ended otherwise than completed, a drain got stuck, the definition has problems, the server could not start. */
  failed: 1,
  /** The command line, a file or an input is wrong; nothing was sent. */
  usage: 2,
  /** The server refused, and will refuse again until something changes. */
  refused: 3,
  /** No server answered in time, or it asks for patience: trying again may help. */
  unanswered: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
