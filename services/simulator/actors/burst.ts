// A noisy tenant's burst of starts beside a quiet tenant's single one, all on one shard (I7).
import type { Prng } from "@millrace/clock/prng.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { SLOT_COUNT, slot, type TenantId, tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import type { Call } from "../checkers/observation.ts";
import { Line } from "../line.ts";
import type { Server } from "../server.ts";
import type { Scene } from "./scene.ts";

/** The workflow of bursts: it ends at once. */
export const MOMENTARY = "momentary";
export const NOISY = tenantId("noisy");
export const QUIET = tenantId("quiet");

/** Sends the burst, then the single start; returns the call of the latter, unless it was refused at once. */
export function burst(scene: Scene, prng: Prng, server: Server, starts: number): Call | undefined {
  scene.coverage.count("command: burst");
  const line = new Line(scene, server);
  const at = slot(prng.below(SLOT_COUNT));
  const start = (tenant: TenantId): StartRun => ({
    type: "start",
    runId: mintRunId(scene.clock.nowMs(), at, prng.next32(), prng.next32()),
    tenant,
    workflow: workflowName(MOMENTARY),
    version: 1,
    input: json("{}"),
    idempotencyKey: "",
    inputHash: "",
    traceparent: "",
    parent: null,
  });
  line.send(
    Array.from({ length: starts }, () => start(NOISY)),
    false,
    () => {},
  );
  const [call] = line.send([start(QUIET)], false, () => {});
  return line.unanswered.find((open) => open === call);
}

/** Mostly one that the mailbox takes whole, so that a quiet tenant's start waits with it; else one beyond any small bound. */
export function burstSize(prng: Prng): number {
  const drawn = prng.below(300);
  return drawn < 210 ? 60 + (drawn % 90) : 100 + drawn;
}
