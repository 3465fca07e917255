// breaks: typescript(consistent-type-imports)
import { RunId } from "@millrace/model/ids.ts";

export type Id = RunId;
