import type { EndStatus } from "@millrace/model/run-state.ts";
import { CodecError } from "./values.ts";

export function endStatus(text: string): EndStatus {
  switch (text) {
    case "completed":
    case "failed":
    case "cancelled":
    case "timed-out":
    case "terminated":
      return text;
    default:
      throw new CodecError(`There is no end status ${text}.`);
  }
}
