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

/** Texts shorter than this are parsed again rather than looked up. */
const REMEMBERED_CHARACTERS_MIN = 1_024;

/**
 * Large values parsed for a scope, for as long as the scope object lives: a shell that keeps one scope for all items of
 * a `forEach` parses what they share once. The text is kept to notice when it changed.
 */
const remembered = new WeakMap<Scope, Map<number, { readonly text: Json; readonly value: Value }>>();

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
    const value = text.length < REMEMBERED_CHARACTERS_MIN ? parse(key, text) : this.#parseOnce(key, text);
    this.#read ??= new Map();
    this.#read.set(key, value);
    return value;
  }

  #parseOnce(key: number, text: Json): Value {
    let values = remembered.get(this.scope);
    if (values === undefined) remembered.set(this.scope, (values = new Map()));
    const known = values.get(key);
    if (known !== undefined && known.text === text) return known.value;
    const value = parse(key, text);
    values.set(key, { text, value });
    return value;
  }
}

function parse(key: number, text: Json): Value {
  return readJson(text, key === INPUT ? "the run's input" : key === ITEM ? "the item" : "a step's output");
}
