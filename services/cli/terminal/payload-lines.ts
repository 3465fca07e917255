// What goes into a step or run and what comes out, for people.
import type { Omitted } from "@millrace/sdk/client/run.ts";
import type { Colours } from "./output.ts";

/** What is shown of a step, an item or a run. */
interface Payloads {
  readonly input: unknown;
  readonly output: unknown;
  readonly logs?: unknown;
  readonly progress?: unknown;
  readonly omitted: Omitted | undefined;
}

/** A line each for what there is, and for what is left out. */
export function payloadLines({ input, output, logs, progress, omitted }: Payloads, colours: Colours): string[] {
  const lines: string[] = [];
  const add = (name: string, value: unknown, bytesLeftOut = 0): void => {
    const label = colours.dim(name.padEnd(8));
    if (bytesLeftOut > 0) lines.push(`${label} ${bytesLeftOut} bytes, left out`);
    else if (value !== undefined) lines.push(`${label} ${JSON.stringify(value)}`);
  };
  add("input", input, omitted?.inputBytes);
  add("output", output, omitted?.outputBytes);
  add("logs", logs, omitted?.logsBytes);
  add("progress", progress, omitted?.progressBytes);
  return lines;
}
