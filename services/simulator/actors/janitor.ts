// Sees to it that every run that can end does: resumes the paused, sends what they wait for to the waiting.
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import type { Truth } from "../checkers/truth.ts";
import { Line } from "../line.ts";
import type { Server } from "../server.ts";
import type { Scene } from "./scene.ts";

/** Sends one round of commands; asks again at the next, whatever the answers. */
export function tidyUp(scene: Scene, server: Server, truth: Truth, round: number): void {
  const commands: RunCommand[] = [];
  for (const [runId, { state }] of truth.runs) {
    if (state.endedMs !== 0) continue;
    const { tenant } = state;
    if (state.status === "paused") commands.push({ type: "resume", tenant, runId });
    for (const [ordinal, step] of state.steps.entries())
      if (step.status === "waiting") {
        const signalId = `tidy-${round}-${ordinal}`;
        commands.push({ type: "signal", tenant, runId, signalId, name: step.signal, payload: json("null") });
      }
  }
  if (commands.length > 0) new Line(scene, server).send(commands, false, () => {});
}
