// What a timeline leaves out, and the command that shows it.
import type { Omitted } from "@millrace/sdk/client/run.ts";
import type { Timeline, TimelineStep } from "@millrace/sdk/client/timeline.ts";

/** Items without rows, failures that are not told whole. */
export function leftOutLines({ run, steps }: Timeline): string[] {
  const lines = steps.flatMap(({ step, omitted, itemsTotal }) => {
    if (omitted === undefined || omitted.items === 0) return [];
    const what = `${step}: ${omitted.items} of ${itemsTotal} items are left out here.`;
    return [`${what} All of them: millrace run items ${run.runId} --step ${step}`];
  });
  const cut = steps.filter(
    ({ omitted }) => omitted !== undefined && (omitted.failureTexts || omitted.failedAttempts > 0),
  );
  if (cut.length > 0) lines.push(`Rows whose failures are cut short: ${cut.length}. ${oneAlone(run.runId, cut)}`);
  return lines;
}

/** The same of a timeline that was asked for payloads, which may be left out as well. */
export function leftOutOfWhole(timeline: Timeline): string[] {
  const { run, steps } = timeline;
  const lines = leftOutLines(timeline);
  const without = steps.filter(({ omitted, failedAttempts }) =>
    [omitted, ...failedAttempts.map((attempt) => attempt.omitted)].some(leavesPayloadsOut),
  );
  if (without.length > 0)
    lines.push(
      `Rows whose payloads are left out, as "omitted" says: ${without.length}. ${oneAlone(run.runId, without)}`,
    );
  if (leavesPayloadsOut(run.omitted))
    lines.push(`The run's own payloads are left out. See: millrace run get ${run.runId}`);
  return lines;
}

function leavesPayloadsOut(omitted: Omitted | undefined): boolean {
  if (omitted === undefined) return false;
  const { inputBytes, outputBytes, logsBytes, progressBytes } = omitted;
  return inputBytes + outputBytes + logsBytes + progressBytes > 0;
}

function oneAlone(runId: string, [first]: readonly TimelineStep[]): string {
  const item = first === undefined || first.item < 0 ? "" : ` --item ${first.item}`;
  return `One alone is whole: millrace run timeline ${runId} --step ${first?.step ?? ""}${item} --json`;
}
