// What expressions see of a run.
import { type Json, type Payload } from "@millrace/model/payload.ts";
import type { RunState } from "@millrace/model/run-state.ts";
import type { Scope } from "../plan/plan.ts";
import { type BlobText, isBlobRef, listOf, outputPayload } from "./input.ts";

/** The scope of a step's expressions, or inside `forEach` of one item's. Reads only when asked. */
export class RunScope implements Scope {
  readonly item: Json | null;
  readonly itemIndex: number;
  readonly #run: RunState;
  readonly #blobText: BlobText;

  constructor(run: RunState, blobText: BlobText, item: Json | null, itemIndex: number) {
    this.item = item;
    this.itemIndex = itemIndex;
    this.#run = run;
    this.#blobText = blobText;
  }

  get run(): Scope["run"] {
    const { runId, workflow, version, tenant, epoch, startedMs } = this.#run;
    return { id: runId, workflow, version, tenant, epoch, startedMs };
  }

  input(): Json {
    return this.#text(this.#run.input);
  }

  output(step: number): Json {
    const output = outputPayload(this.#run, step);
    if (typeof output === "string" || isBlobRef(output)) return this.#text(output);
    return listOf(output.map((each) => this.#text(each)));
  }

  /** Expressions know three states of a step they need: `completed`, `skipped`, and `pending` for any other. */
  status(step: number): string {
    const status = this.#run.steps[step]?.status;
    if (status === "skipped") return "skipped";
    return status === "completed" || status === "done" || status === "joined" ? "completed" : "pending";
  }

  #text(payload: Payload): Json {
    if (typeof payload === "string") return payload;
    const text = this.#blobText(payload);
    if (text === undefined) throw new Error(`Blob ${payload.sha256} was not asked for before it was read.`);
    return text;
  }
}
