import { decodeRunState } from "@millrace/codec/run-state-v1.ts";
import type { RunView } from "@millrace/link/link.ts";
import type { Definition } from "@millrace/model/definition.ts";
import type { RunState } from "@millrace/model/run-state.ts";

/** A view that was decoded. */
export interface OpenedView {
  readonly run: RunState;
  readonly definition: Definition;
}

/** Definitions kept parsed: the ones whose runs are looked at now. */
const DEFINITIONS_MAX = 256;

/** Decodes views. Runs share definitions, so these are parsed once. */
export class ViewOpener {
  readonly #definitions = new Map<string, Definition>();

  open(view: RunView): OpenedView {
    return { run: decodeRunState(view.bytes), definition: this.#definition(view.definition) };
  }

  #definition(text: string): Definition {
    const known = this.#definitions.get(text);
    if (known !== undefined) return known;
    const parsed: unknown = JSON.parse(text);
    if (!isDefinition(parsed)) throw new Error("A shard's answer holds something else than a definition.");
    if (this.#definitions.size >= DEFINITIONS_MAX) this.#definitions.clear();
    this.#definitions.set(text, parsed);
    return parsed;
  }
}

/** A shard wrote it from a definition that was checked when it was registered; this tells it from anything else. */
function isDefinition(value: unknown): value is Definition {
  return typeof value === "object" && value !== null && "steps" in value && Array.isArray(value.steps);
}
