// Writes the golden files of version 1: what a release has written must be readable by every later one. Run once a
// version, by hand; a file that exists is left alone.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compilePlan } from "@millrace/core/plan/compile.ts";
import { arbitraryDefinition } from "@millrace/core/run/testdata/arbitrary-definition.ts";
import { arbitraryHistory, play } from "@millrace/core/run/testdata/arbitrary-history.ts";
import { runId } from "@millrace/model/ids.ts";
import type { ParentRef } from "@millrace/model/messages.ts";
import type { RunState, StepState } from "@millrace/model/run-state.ts";
import fc from "fast-check";
import { encodeEvents } from "../events-v1.ts";
import { encodeRunState } from "../run-state-v1.ts";
import { arbitraryEvents, RECORD_MS } from "./arbitrary-event.ts";

const FOLDER = join(import.meta.dirname, "golden");
const SEED = 2026;
const PARENT: ParentRef = {
  ...{ runId: runId("0000000y000000000000"), epoch: 2, step: 3, item: 4, attempt: 5, stepName: "order" },
  ...{ wait: true, depth: 6 },
};

const events = fc.sample(arbitraryEvents, { numRuns: 3, seed: SEED }).flat();
const runs = variedRuns();

mkdirSync(FOLDER, { recursive: true });
write("events-v1", encodeEvents(events, 0, RECORD_MS), events);
write("run-state-v1", framed(runs.map((run) => Buffer.from(encodeRunState(run)))), runs);

function write(name: string, bytes: Uint8Array, decoded: unknown): void {
  if (existsSync(join(FOLDER, `${name}.bin`))) return;
  writeFileSync(join(FOLDER, `${name}.bin`), bytes);
  writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(decoded, null, 1)}\n`);
}

/** Runs that each have something in them that no other has: a status of the run, of a step, or of an item. */
function variedRuns(): RunState[] {
  const seen = new Set<string>();
  const varied: RunState[] = [];
  for (const [definition, history] of fc.sample(fc.tuple(arbitraryDefinition, arbitraryHistory), { numRuns: 2000, seed: SEED })) {
    const run = play(compilePlan(definition), history, () => {}, varied.length % 3 === 1 ? PARENT : null);
    if (run === undefined) continue;
    const parts = [`run ${run.status}`, ...run.steps.flatMap(partsOf)];
    if (run.signals.length > 0) parts.push("signal");
    if (run.retries.length > 0) parts.push("retry");
    if (run.parent !== null) parts.push("parent");
    if (run.children !== null) parts.push("children");
    if (parts.every((part) => seen.has(part))) continue;
    for (const part of parts) seen.add(part);
    varied.push(run);
  }
  return varied;
}

function partsOf(state: StepState): string[] {
  const items = "tasks" in state ? state.tasks.map((task) => `item ${task?.status ?? "none"}`) : [];
  return [`step ${state.status}`, ...items];
}

/** Each state behind its length, 4 bytes. */
function framed(states: readonly Buffer[]): Buffer {
  return Buffer.concat(
    states.flatMap((state) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(state.length);
      return [length, state];
    }),
  );
}
