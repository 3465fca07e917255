// From a start as a caller writes it to the command a shard takes.
import { createHash } from "node:crypto";
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { mintRunId, slotOfKey } from "@millrace/core/run-id.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import type { Registry } from "@millrace/link/registry.ts";
import { type RunId, SLOT_COUNT, slot, type TenantId, type WorkflowName } from "@millrace/model/ids.ts";
import type { Payload } from "@millrace/model/payload.ts";
import type { StartRun } from "@millrace/model/run-commands.ts";
import { type CallContext, Refused } from "../calls/call.ts";
import { IDEMPOTENCY_KEY_CHARACTERS_MAX, textFault, workflowOf } from "../calls/fields.ts";
import { checkPayload, isRefusal, needsBlob, storePayload } from "../payloads/payloads.ts";

/** The fields StartRun, StartRuns and SubmitRuns share. */
export interface StartFields {
  readonly workflow: string;
  readonly input: Uint8Array;
  readonly idempotencyKey: string;
  readonly version: number;
  /** What must be the same when the key is repeated, if that is not the whole input. */
  readonly hashed?: Uint8Array;
}

export interface StartPorts {
  readonly registry: Registry;
  readonly blobs: Blobs;
  readonly clock: Clock;
}

/** Characters of the input's hash: 96 bits, enough to tell two inputs under one key apart. */
const INPUT_HASH_CHARACTERS = 16;

/**
 * Checks a start, resolves its version and mints its run ID. The answer is a command at once unless the input is so
 * large that it has to be stored first; `field` goes before the names of wrong fields, e.g. `runs[3].`.
 */
export function prepareStart(
  ports: StartPorts,
  context: Pick<CallContext, "tenant" | "traceparent">,
  fields: StartFields,
  field = "",
): StartRun | Promise<StartRun | Refused> | Refused {
  const workflow = workflowOf(fields.workflow, `${field}workflow`);
  if (workflow instanceof Refused) return workflow;
  const keyFault = textFault(`${field}idempotency_key`, fields.idempotencyKey, IDEMPOTENCY_KEY_CHARACTERS_MAX);
  if (keyFault !== undefined) return keyFault;
  const input = checkPayload(`${field}input`, fields.input);
  if ("code" in input) return new Refused(input);
  const registered = ports.registry.get(context.tenant, workflow, fields.version);
  if (registered === undefined) return unknownWorkflow(context.tenant, workflow, fields.version, field);
  const key = fields.idempotencyKey;
  const runId = newRunId(ports.clock, context.tenant, key);
  const command = (payload: Payload): StartRun => ({
    type: "start",
    runId,
    tenant: context.tenant,
    workflow,
    version: registered.version,
    input: payload,
    idempotencyKey: key,
    inputHash: key === "" ? "" : inputHash(workflow, fields.version, fields.hashed ?? input.text),
    traceparent: context.traceparent,
    parent: null,
  });
  if (!needsBlob(input)) return command(input.text);
  return storePayload(ports.blobs, runId, input).then((stored) =>
    isRefusal(stored) ? new Refused(stored) : command(stored),
  );
}

/** A run ID in the slot its key decides, or in any slot without a key. */
function newRunId(clock: Clock, tenant: TenantId, key: string): RunId {
  const random = clock.random32();
  const at = key === "" ? slot(random % SLOT_COUNT) : slotOfKey(tenant, key);
  return mintRunId(clock.nowMs(), at, clock.random32(), clock.random32());
}

/** Hash of what was asked: a repeated key must come with the same. The version counts as it was asked for. */
function inputHash(workflow: WorkflowName, version: number, input: string | Uint8Array): string {
  const digest = createHash("sha256").update(`${workflow}\n${version}\n`).update(input).digest("base64url");
  return digest.slice(0, INPUT_HASH_CHARACTERS);
}

function unknownWorkflow(tenant: TenantId, workflow: WorkflowName, version: number, field: string): Refused {
  const which = version === 0 ? `workflow ${workflow}` : `version ${version} of workflow ${workflow}`;
  return new Refused(
    refusal("WORKFLOW_NOT_FOUND", { field: `${field}workflow`, message: `Tenant ${tenant} has no ${which}.` }),
  );
}
