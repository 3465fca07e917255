import { setInterval as ticks } from "node:timers/promises";
import type { Timeline, TimelineStep } from "@millrace/sdk/client/timeline.ts";
import type { Command } from "commander";
import { type ClientFlags, clientCommand, withClient } from "../../client-command.ts";
import { EXIT } from "../../exit-codes.ts";
import { LiveText } from "../../terminal/live-text.ts";
import type { Output } from "../../terminal/output.ts";
import { timelineText } from "../../terminal/timeline-table.ts";

/** How often bars of what is under way grow while nothing else happens. */
const REDRAW_MS = 250;

export function watchCommand(): Command {
  return clientCommand({
    name: "watch",
    summary: "Follow a run to its end, through restarts of the server. Exits 0 only if it completes.",
    examples: [
      "millrace run watch 0d5kqz3v9m2h7xw4c1bt",
      "millrace run watch 0d5kqz3v9m2h7xw4c1bt --json           # the run and its steps after every change, a line each",
    ],
  })
    .argument("<run>", "the run's ID")
    .action((runId: string, flags: ClientFlags) =>
      withClient(flags, async ({ client, output }) => {
        const states = client.watchRun(runId, { timeline: true });
        const last = output.mode === "terminal" ? await draw(states, output) : await print(states, output);
        return last?.run.status === "completed" ? EXIT.done : EXIT.failed;
      }),
    );
}

/** One table, drawn again at every change. */
async function draw(states: AsyncIterable<Timeline>, output: Output): Promise<Timeline | undefined> {
  const live = new LiveText(process.stdout);
  let newest: Timeline | undefined;
  const redraw = (): void => {
    if (newest === undefined) return;
    const { columns, colours } = output;
    live.show(timelineText(newest, { columns, colours, nowMs: Date.now() }));
  };
  const over = new AbortController();
  void (async () => {
    for await (const _ of ticks(REDRAW_MS, undefined, { signal: over.signal })) redraw();
  })().catch(() => undefined);
  try {
    for await (const state of states) {
      newest = state;
      redraw();
    }
  } finally {
    over.abort();
  }
  return newest;
}

/** A line whenever a step, or the run, has another status. */
async function print(states: AsyncIterable<Timeline>, output: Output): Promise<Timeline | undefined> {
  const known = new Map<string, string>();
  let newest: Timeline | undefined;
  for await (const state of states) {
    newest = state;
    if (output.mode === "json") {
      output.json(state);
      continue;
    }
    for (const step of state.steps) {
      if (step.item < 0 && changed(known, step.step, progressOf(step))) output.tabbed([step.step, ...progressOf(step)]);
    }
    const { runId, status } = state.run;
    if (changed(known, "", [status])) output.tabbed([runId, status]);
  }
  return newest;
}

function progressOf({ status, attempts, itemsCompleted, itemsTotal }: TimelineStep): string[] {
  return [status, String(attempts), itemsTotal === 0 ? "" : `${itemsCompleted}/${itemsTotal}`];
}

function changed(known: Map<string, string>, name: string, cells: readonly string[]): boolean {
  const text = cells.join();
  if (known.get(name) === text) return false;
  known.set(name, text);
  return true;
}
