// One evaluation under way: what it reads, what it has used, the variables of its comprehensions.
import type { Json } from "@millrace/model/payload.ts";
import type { Scope } from "../plan/plan.ts";
import { readJson } from "./json-value.ts";
import { Meter } from "./meter.ts";
import type { Value } from "./value.ts";

/** Compiled CEL. Throws {@link Fault} when there is no value. */
export type Evaluate = (frame: Frame) => Value;

/** A function on values that are already computed; a method's first argument is its receiver. */
export type Call = (args: readonly Value[], meter: Meter) => Value;

/** Stands for the run's input among what a frame has read; steps stand for themselves. */
const INPUT = -1;
const ITEM = -2;

/** Texts shorter than this are parsed again rather than remembered, longer ones would hold too much memory. */
const REMEMBERED_CHARACTERS_MIN = 1_024;
const REMEMBERED_CHARACTERS_MAX = 1_048_576;

/** As many large outputs as the items of one `forEach` are likely to share. */
const REMEMBERED_MAX = 4;

/**
 * The large texts parsed last, so that what all items of a `forEach` read is parsed once and not once an item. It saves
 * time and changes nothing else: values are never written to, and the meter charges for a remembered one all the same.
 */
const remembered: { readonly text: Json; readonly value: Value }[] = [];

export class Frame {
  readonly scope: Scope;
  readonly meter = new Meter();
  /** Values of comprehension variables, by slot. */
  readonly locals: Value[] = [];
  #read: Map<number, Value> | undefined;

  constructor(scope: Scope) {
    this.scope = scope;
  }

  input(): Value {
    const known = this.#read?.get(INPUT);
    return known === undefined ? this.#parse(INPUT, this.scope.input()) : known;
  }

  output(step: number): Value {
    const known = this.#read?.get(step);
    return known === undefined ? this.#parse(step, this.scope.output(step)) : known;
  }

  item(): Value {
    const known = this.#read?.get(ITEM);
    return known === undefined ? this.#parse(ITEM, this.itemText()) : known;
  }

  itemText(): Json {
    if (this.scope.item === null) throw new Error("An expression about an item was evaluated without one.");
    return this.scope.item;
  }

  /** Charged by the text's size whether or not it was parsed before: what an evaluation costs must not depend on caches. */
  #parse(key: number, text: Json): Value {
    this.meter.chargeCharacters(text.length);
    const value = recall(text) ?? parse(key, text);
    this.#read ??= new Map();
    this.#read.set(key, value);
    return value;
  }
}

/** The value of a text parsed lately; a null among them is parsed again, which costs nothing. */
function recall(text: Json): Value | undefined {
  if (text.length < REMEMBERED_CHARACTERS_MIN) return undefined;
  return remembered.find((entry) => entry.text === text)?.value;
}

function parse(key: number, text: Json): Value {
  const value = readJson(text, key === INPUT ? "the run's input" : key === ITEM ? "the item" : "a step's output");
  if (text.length < REMEMBERED_CHARACTERS_MIN || text.length > REMEMBERED_CHARACTERS_MAX) return value;
  remembered.unshift({ text, value });
  remembered.length = Math.min(remembered.length, REMEMBERED_MAX);
  return value;
}
