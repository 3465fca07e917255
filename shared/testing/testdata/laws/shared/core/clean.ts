// breaks: nothing
import { parse } from "@marcbachmann/cel-js";
import type { RunId } from "@millrace/model/ids.ts";
import { helper } from "./plan/plan.ts";

export const compiled = [parse, helper];
export type Id = RunId;
