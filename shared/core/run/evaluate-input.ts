// What a plan's input comes to when it is evaluated, once, to be recorded.
import { ITEM_INPUT, type Payload, RUN_INPUT, type StepInput, WRITTEN_INPUT } from "@millrace/model/payload.ts";
import type { Evaluated, InputPlan, Scope } from "../plan/plan.ts";

/** What an event records of an input: a reference where the value is passed on unchanged. */
export function inputOf(input: InputPlan, scope: Scope): Evaluated<StepInput> {
  switch (input.type) {
    case "passed":
      return { type: "value", value: input.from };
    case "item":
      return { type: "value", value: ITEM_INPUT };
    case "constant":
      return { type: "value", value: WRITTEN_INPUT };
    case "computed":
      return input.template.evaluate(scope);
  }
}

/** The value itself, at most INLINE_PAYLOAD_BYTES_MAX of it: what a `transform` has for its output. */
export function payloadOf(input: InputPlan, scope: Scope): Evaluated<Payload> {
  switch (input.type) {
    case "passed":
      return { type: "value", value: input.from === RUN_INPUT ? scope.input() : scope.output(input.from) };
    case "item":
      return { type: "value", value: scope.item ?? scope.input() };
    case "constant":
      return { type: "value", value: input.value };
    case "computed":
      return input.template.evaluate(scope);
  }
}
