// Checks of single request fields. Every refusal names the field, the value, the bound and the fix (I8).
import { isRunId } from "@millrace/core/run-id.ts";
import { refusal } from "@millrace/errors/refusal.ts";
import { type RunId, runId, type TenantId, tenantId, type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import { Refused } from "./call.ts";

/** The tenant of callers that name none. */
export const DEFAULT_TENANT = tenantId("default");
/** Where callers name their tenant, on gRPC and HTTP. */
export const TENANT_HEADER = "millrace-tenant";

export const IDEMPOTENCY_KEY_CHARACTERS_MAX = 256;
export const REQUEST_ID_CHARACTERS_MAX = 128;
export const REASON_CHARACTERS_MAX = 1_024;
export const SIGNAL_NAME_CHARACTERS_MAX = 128;

const TENANT = /^[a-z0-9._-]{1,64}$/;
const WORKFLOW = /^[a-z0-9._-]{1,128}$/;

/** How much of a wrong value is repeated to its sender. */
const SHOWN_CHARACTERS_MAX = 64;

/** A refusal of one field's value. */
export function invalid(field: string, message: string, fix: string): Refused {
  return new Refused(refusal("INVALID_ARGUMENT", { field, message, fix }));
}

export function tenantOf(header: string | undefined): TenantId | Refused {
  if (header === undefined || header === "") return DEFAULT_TENANT;
  if (TENANT.test(header)) return tenantId(header);
  const message = `${TENANT_HEADER} is ${shown(header)}; a tenant has 1 to 64 characters of [a-z0-9._-].`;
  return invalid(TENANT_HEADER, message, "Send the tenant's name as it is, or leave the header out for `default`.");
}

export function runIdOf(text: string, field = "run_id"): RunId | Refused {
  if (isRunId(text)) return runId(text);
  const message = `${field} is ${shown(text)}; a run ID has 20 characters of lower-case base32.`;
  return invalid(field, message, "Send the ID as StartRun returned it or ListRuns shows it.");
}

export function workflowOf(text: string, field: string): WorkflowName | Refused {
  if (WORKFLOW.test(text)) return workflowName(text);
  const message = `${field} is ${shown(text)}; a workflow's name has 1 to 128 characters of [a-z0-9._-].`;
  return invalid(field, message, "Send the `name` written in the definition; ListWorkflows shows what there is.");
}

/** Text of `min` to `max` characters; undefined = it is. */
export function textFault(field: string, text: string, max: number, min = 0): Refused | undefined {
  if (text.length >= min && text.length <= max) return undefined;
  if (text.length < min) return invalid(field, `${field} is empty.`, `Send 1 to ${max} characters.`);
  return invalid(field, `${field} has ${text.length} characters; at most ${max} are taken.`, "Send a shorter text.");
}

/** A whole number within bounds; undefined = it is. */
export function numberFault(field: string, value: number, min: number, max: number): Refused | undefined {
  if (Number.isInteger(value) && value >= min && value <= max) return undefined;
  return invalid(field, `${field} is ${value}; it must be ${min} to ${max}.`, "Send a number within the bounds.");
}

/** A value as it may be repeated in an error. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text);
}
