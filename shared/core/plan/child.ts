// The `with` of a `workflow` step: which workflow its child runs.
import type { ChildDefinition } from "@millrace/model/definition.ts";
import { type WorkflowName, workflowName } from "@millrace/model/ids.ts";
import { expressionOf } from "../expression/compile-expression.ts";
import { failed, wrongType } from "../expression/fault.ts";
import { pathText } from "../expression/template.ts";
import { kindOf } from "../expression/value.ts";
import type { Expression } from "./plan.ts";
import { fixedText, lone, mistake, type WithPlace } from "./waiting.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;
const NAME_RULE = "a workflow's name has 1 to 128 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first";
/** Names are quoted in failures up to this many characters. */
const QUOTED_CHARACTERS_MAX = 40;

/** The name of the child's workflow; null after a mistake. */
export function childWorkflow({ name }: ChildDefinition, place: WithPlace): Expression<WorkflowName> | null {
  // Reported where the definition's shape is checked.
  if (name === "") return null;
  const path = [...place.path, "name"];
  const text = fixedText(name);
  if (text !== undefined) {
    if (!NAME.test(text)) return mistake(place, path, NAME_RULE, "Write e.g. `with: {name: ship-order}`.");
    const value = workflowName(text);
    return { reads: [], evaluate: () => ({ type: "value", value }) };
  }
  const expression = lone(place, path, name, ["string"]);
  if (expression === null) return null;
  return expressionOf(expression, pathText(path), (value) => {
    if (typeof value !== "string") throw wrongType(`a workflow's name is a string, not ${kindOf(value)}`);
    if (NAME.test(value)) return workflowName(value);
    throw failed(`${NAME_RULE}; ${JSON.stringify(value.slice(0, QUOTED_CHARACTERS_MAX))} is none`);
  });
}
