// Parents and children in the frames of a gateway.
import { type RunId, runId, type TenantId } from "@millrace/model/ids.ts";
import type { ParentRef } from "@millrace/model/messages.ts";
import type { SettleChild } from "@millrace/model/run-commands.ts";
import { failureMessage } from "@millrace/rpc/failure-message.ts";
import type {
  ParentRef as ParentMessage,
  SettleChild as SettleMessage,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import { statusFromMessage, statusMessage } from "@millrace/rpc/run-status.ts";
import { endStatusOf, failureOf } from "./answers.ts";
import { blobOf, payloadOf, textOf } from "./payloads.ts";

export function parentMessage(parent: ParentRef | null): ParentMessage | undefined {
  if (parent === null) return undefined;
  const { runId: run, epoch, step, item, attempt, stepName, wait, depth } = parent;
  return { runId: run, epoch, step, item: item + 1, attempt, stepName, wait, depth };
}

export function parentOf(message: ParentMessage | undefined): ParentRef | null {
  if (message === undefined) return null;
  const { runId: run, epoch, step, item, attempt, stepName, wait, depth } = message;
  return { runId: runId(run), epoch, step, item: item - 1, attempt, stepName, wait, depth };
}

export function settledChildMessage(command: SettleChild): SettleMessage {
  const { epoch, step, item, attempt, child, output, failure, startedMs } = command;
  return {
    ...{ epoch, step, item: item + 1, attempt, child, fate: fateMessage(command) },
    ...{ output: textOf(output), outputBlob: blobOf(output), startedMs },
    failure: failure === null ? undefined : failureMessage(failure),
  };
}

function fateMessage({ status }: SettleChild): SettleMessage["fate"] {
  if (status === "started" || status === "refused") return { $case: status, value: true };
  return { $case: "ended", value: statusMessage(status) };
}

/** undefined = one that only a newer version knows. */
export function settledChildOf(
  parent: { readonly runId: RunId; readonly tenant: TenantId },
  message: SettleMessage,
): SettleChild | undefined {
  const { epoch, step, item, attempt, child, fate, output, outputBlob, startedMs } = message;
  if (fate === undefined) return undefined;
  const failure = message.failure === undefined ? null : failureOf(message.failure);
  const status = fate.$case === "ended" ? endStatusOf(statusFromMessage(fate.value), failure !== null) : fate.$case;
  return {
    ...{ type: "child-ended", ...parent, epoch, step, item: item - 1, attempt, child: runId(child) },
    ...{ status, output: payloadOf(output, outputBlob), failure, startedMs },
  };
}
