// breaks: import(no-cycle)
import { ends } from "./cycle-ends.ts";

export const begins = (): unknown => ends;
