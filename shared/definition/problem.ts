import type { Path } from "@millrace/core/expression/template.ts";

/** A mistake in a definition, in words for its author. */
export interface Problem {
  /** Where in the definition, e.g. `steps.charge.needs[0]`; empty for the whole. */
  readonly field: string;
  /** What is wrong, with the value and the bound. */
  readonly message: string;
  /** What to write instead. */
  readonly fix: string;
  /** In the source, from 1; 0 = unknown. */
  readonly line: number;
  /** In the source, from 1; 0 = unknown. */
  readonly column: number;
}

/** Problems reported at once: more would not be read. */
export const PROBLEMS_MAX = 100;

/** A mistake before its place in the source was looked up. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly fix: string;
  /** Whether the key or its value is wrong. */
  readonly on: "key" | "value";
  /** For a mistake inside an expression: its source and the place in it. */
  readonly inside?: { readonly source: string; readonly offset: number };
}
