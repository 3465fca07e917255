import type { WorkflowProblem } from "@millrace/rpc/generated/millrace/v1/workflows.ts";
import type { Output } from "../../terminal/output.ts";

/** One problem a line, `file:line:column` first, as editors and terminals make links of it. */
export function printProblems(output: Output, file: string, problems: readonly WorkflowProblem[]): void {
  const { colours } = output;
  for (const problem of problems) {
    const { field, message, fix, line, column } = problem;
    const name = file === "-" ? "<stdin>" : file;
    const place = line === 0 ? name : `${name}:${line}:${column}`;
    output.result({
      terminal: `${colours.bold(place)} ${colours.red(field)} ${message}${fix === "" ? "" : `\n  ${colours.bold("fix:")} ${fix}`}`,
      plain: [place, field, message, fix],
      json: problem,
    });
  }
}
