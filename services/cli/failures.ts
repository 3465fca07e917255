// How a command ends that cannot do what it was asked: what is wrong, what to do next, and an exit status.
import { MillraceError } from "@millrace/sdk/client/millrace-error.ts";
import picocolors from "picocolors";
import { EXIT } from "./exit-codes.ts";
import { shownDuration } from "./terminal/durations.ts";
import { coloursWanted, type Screen } from "./terminal/output.ts";

/** The command cannot be carried out as it was given; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What was asked for was begun and did not come about. */
export class NotDone extends Error {
  override readonly name = "NotDone";
  /** What to do. */
  readonly next: string;

  constructor(message: string, next: string) {
    super(message);
    this.next = next;
  }
}

/** Where a command tried to go, for its errors. */
export interface Attempted {
  readonly address: string;
  readonly timeoutMs: number;
  readonly json: boolean;
}

/** Prints what went wrong to standard error and returns the exit status. Throws what is neither expected nor explained. */
export function reportFailure(thrown: unknown, attempted: Attempted): number {
  if (thrown instanceof UsageError) {
    print({ message: thrown.message, lines: [], next: "" });
    return EXIT.usage;
  }
  if (thrown instanceof NotDone) {
    const { message, next } = thrown;
    if (attempted.json) process.stderr.write(`${JSON.stringify({ error: { message, fix: next } })}\n`);
    else print({ message, lines: [], next });
    return EXIT.failed;
  }
  if (!(thrown instanceof MillraceError)) throw thrown;
  const next = nextStep(thrown, attempted);
  const exit = exitOf(thrown);
  if (attempted.json) {
    const { code, reason, message, violations, retryDelayMs } = thrown;
    process.stderr.write(
      `${JSON.stringify({ error: { code, reason, message, fix: next, violations, retryDelayMs } })}\n`,
    );
    return exit;
  }
  const reason = thrown.reason === "" ? thrown.code : thrown.reason;
  const about = thrown.violations.map(({ field, description }) => `${field}: ${description}`);
  // A single violation repeats the message.
  print({ message: `${messageOf(thrown, attempted)} (${reason})`, lines: about.length > 1 ? about : [], next });
  return exit;
}

function exitOf({ code }: MillraceError): number {
  switch (code) {
    case "UNAVAILABLE":
    case "RESOURCE_EXHAUSTED":
    case "DEADLINE_EXCEEDED":
    case "ABORTED":
      return EXIT.unanswered;
    default:
      return EXIT.refused;
  }
}

function messageOf(error: MillraceError, { address, timeoutMs }: Attempted): string {
  if (error.reason !== "") return error.message;
  if (error.code === "UNAVAILABLE") return `No Millrace server answers at ${address}.`;
  if (error.code === "DEADLINE_EXCEEDED") return `No answer from ${address} within ${shownDuration(timeoutMs)}.`;
  return error.message;
}

function nextStep(error: MillraceError, { address }: Attempted): string {
  const again = error.retryDelayMs > 0 ? ` Try again in ${shownDuration(error.retryDelayMs)}.` : "";
  if (error.fix !== "") return error.fix + again;
  if (error.code === "UNAVAILABLE")
    return `Start a server with: millrace start. If it listens elsewhere than ${address}, name that with --address or MILLRACE_ADDRESS.`;
  if (error.code === "DEADLINE_EXCEEDED") return "Raise --timeout, or look at the server's log.";
  return again.trim();
}

interface Report {
  readonly message: string;
  readonly lines: readonly string[];
  readonly next: string;
}

function print({ message, lines, next }: Report): void {
  // In a pipe there is no such property; left undefined, the library would decide by itself, and for colours under CI.
  const screen: Screen = process.stderr;
  const colours = picocolors.createColors((screen.isTTY ?? false) && coloursWanted());
  process.stderr.write(`${colours.red("error:")} ${message}\n`);
  for (const line of lines) process.stderr.write(`  ${line}\n`);
  if (next !== "") process.stderr.write(`${colours.bold("next:")} ${next}\n`);
}
