// What the files that compile share: one expression's compilation as they see it.
import type { ASTNode } from "@marcbachmann/cel-js";
import type { Binders, Locals } from "./binders.ts";
import type { Evaluate } from "./frame.ts";

export interface Compiling {
  readonly binders: Binders;
  /** Nodes compiled so far; the difference around a loop's body is what a round costs. */
  readonly nodes: number;
  node(node: ASTNode, locals: Locals): Evaluate;
  /** `has(receiver.name)`. */
  has(node: ASTNode, locals: Locals): Evaluate;
  /** The source of a node, for messages. */
  text(node: ASTNode): string;
}

/** Whether a node is the variable of that name itself, not a comprehension's of the same name. */
export function isGlobal(node: ASTNode, name: string, locals: Locals): boolean {
  return node.op === "id" && node.args === name && !locals.has(name);
}
