// Calls: functions and methods by table, CEL's macros by hand.
import type { ASTNode } from "@marcbachmann/cel-js";
import { RE2JS, RE2JSException } from "re2js";
import { bool } from "./arithmetic.ts";
import type { Locals } from "./binders.ts";
import { type Compiling, isGlobal } from "./compiling.ts";
import { absorbable, type Fault, wrongType } from "./fault.ts";
import type { Call, Evaluate, Frame } from "./frame.ts";
import { FUNCTIONS, MATH_FUNCTIONS, METHODS } from "./functions.ts";
import { Refused } from "./site.ts";
import { isList, isMap, kindOf, NONE, Optional, type Value } from "./value.ts";

type CallNode = Extract<ASTNode, { op: "call" }>;
type MethodNode = Extract<ASTNode, { op: "rcall" }>;

/** Loops in loops in loops: deeper ones could only ever run into the bound on work. */
const LOOP_DEPTH_MAX = 4;

/** Longest regular expression; its program is at most 1,000 times as long (RE2's bound on repeats). */
const PATTERN_CHARACTERS_MAX = 256;

const HELP = "See the list of functions in docs/definitions.md.";

export function compileCall(compiler: Compiling, node: CallNode, locals: Locals): Evaluate {
  const [name, args] = node.args;
  const [first] = args;
  if (name === "has" && first !== undefined) return compiler.has(first, locals);
  const call = FUNCTIONS.get(`${name}/${args.length}`);
  if (call === undefined)
    throw new Refused(`there is no function ${name}() of ${args.length} arguments`, HELP, node.start);
  return applied(call, compileAll(compiler, args, locals));
}

export function compileMethod(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [name, receiver, args] = node.args;
  if (isGlobal(receiver, "math", locals)) {
    const call = MATH_FUNCTIONS.get(`${name}/${args.length}`);
    if (call === undefined) throw new Refused(`there is no function math.${name}()`, HELP, node.start);
    return applied(call, compileAll(compiler, args, locals));
  }
  if (isGlobal(receiver, "optional", locals)) return optionalOf(compiler, node, locals);
  if (isGlobal(receiver, "cel", locals)) return bound(compiler, node, locals);
  switch (name) {
    case "all":
    case "exists":
    case "exists_one":
    case "filter":
    case "map":
      return loop(compiler, node, locals);
    case "or":
    case "orValue":
      return alternative(compiler, node, locals);
    case "matches":
      return pattern(compiler, node, locals);
    default: {
      const call = METHODS.get(`${name}/${args.length + 1}`);
      if (call === undefined)
        throw new Refused(`there is no method .${name}() of ${args.length} arguments`, HELP, node.start);
      return applied(call, compileAll(compiler, [receiver, ...args], locals));
    }
  }
}

function compileAll(compiler: Compiling, nodes: readonly ASTNode[], locals: Locals): readonly Evaluate[] {
  return nodes.map((node) => compiler.node(node, locals));
}

function applied(call: Call, args: readonly Evaluate[]): Evaluate {
  return (frame) =>
    call(
      args.map((evaluate) => evaluate(frame)),
      frame.meter,
    );
}

function optionalOf(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [name, , args] = node.args;
  const first = args[0];
  if (name === "none" && first === undefined) return () => NONE;
  if (name !== "of" || first === undefined)
    throw new Refused(`there is no function optional.${name}()`, HELP, node.start);
  const value = compiler.node(first, locals);
  return (frame) => new Optional(value(frame));
}

/** `cel.bind(name, value, body)`. */
function bound(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [name, , [variable, valueNode, bodyNode]] = node.args;
  if (name !== "bind" || variable === undefined || valueNode === undefined || bodyNode === undefined) {
    throw new Refused(`there is no function cel.${name}()`, HELP, node.start);
  }
  const value = compiler.node(valueNode, locals);
  return compiler.binders.bind(variableName(variable), locals, (slot, inner) => {
    const body = compiler.node(bodyNode, inner);
    return (frame: Frame) => {
      frame.locals[slot] = value(frame);
      return body(frame);
    };
  });
}

/** `optional.or(optional)` and `optional.orValue(value)`: the argument is evaluated only when needed. */
function alternative(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [name, receiverNode, args] = node.args;
  const otherNode = args[0];
  if (otherNode === undefined) throw new Refused(`.${name}() needs an argument`, HELP, node.start);
  const receiver = compiler.node(receiverNode, locals);
  const other = compiler.node(otherNode, locals);
  return (frame) => {
    const value = receiver(frame);
    if (!(value instanceof Optional)) {
      throw wrongType(
        `.${name}() is for optionals, not ${kindOf(value)}`,
        "Write .?field before it, e.g. input.?name.orValue('').",
      );
    }
    if (value.value === undefined) return other(frame);
    return name === "or" ? value : value.value;
  };
}

/** `text.matches('…')`: RE2, whose time is linear in the text. The pattern is fixed, so that it is checked beforehand. */
function pattern(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [, receiverNode, [patternNode]] = node.args;
  if (patternNode?.op !== "value" || typeof patternNode.args !== "string") {
    throw new Refused("matches() needs its pattern written out", "Write text.matches('^[a-z]+$').", node.start);
  }
  if (patternNode.args.length > PATTERN_CHARACTERS_MAX) {
    const message = `the pattern has more than ${PATTERN_CHARACTERS_MAX} characters`;
    throw new Refused(message, "Split it into several matches().", patternNode.start);
  }
  const compiled = compilePattern(patternNode.args, patternNode.start);
  const receiver = compiler.node(receiverNode, locals);
  const unitsACharacter = 1 + Math.ceil(compiled.programSize() / 8);
  return (frame) => {
    const text = receiver(frame);
    if (typeof text !== "string") throw wrongType(`matches() needs a string, not ${kindOf(text)}`);
    frame.meter.charge(1 + text.length * unitsACharacter);
    return compiled.test(text);
  };
}

function compilePattern(text: string, offset: number): RE2JS {
  try {
    return RE2JS.compile(text);
  } catch (error: unknown) {
    if (error instanceof RE2JSException) {
      throw new Refused(
        `not a regular expression: ${error.message}`,
        "Write RE2 syntax: no look-around, no back-references.",
        offset,
      );
    }
    throw error;
  }
}

function variableName(node: ASTNode): string {
  if (node.op === "id") return node.args;
  throw new Refused("the first argument must be a name", "Write e.g. input.items.map(x, x.id).", node.start);
}

interface Loop {
  readonly slot: number;
  /** What a round costs. */
  readonly work: number;
  readonly items: (frame: Frame) => readonly Value[];
}

/** `list.map(x, …)` and its kind; over a map, x is each key. */
function loop(compiler: Compiling, node: MethodNode, locals: Locals): Evaluate {
  const [name, receiverNode, [variable, first, second]] = node.args;
  if (variable === undefined || first === undefined || (second !== undefined && name !== "map")) {
    throw new Refused(
      `.${name}() needs a name and an expression`,
      "Write e.g. input.items.filter(x, x.open).",
      node.start,
    );
  }
  if (locals.size >= LOOP_DEPTH_MAX) {
    throw new Refused(
      `more than ${LOOP_DEPTH_MAX} loops inside each other`,
      "Split it over several transform steps.",
      node.start,
    );
  }
  const items = itemsOf(compiler.node(receiverNode, locals), name, compiler.text(receiverNode));
  const nodesBefore = compiler.nodes;
  return compiler.binders.bind(variableName(variable), locals, (slot, inner) => {
    const body = compiler.node(first, inner);
    const transform = second === undefined ? undefined : compiler.node(second, inner);
    const round = { slot, items, work: compiler.nodes - nodesBefore + 1 };
    switch (name) {
      case "map":
        return transform === undefined ? mapped(round, body) : filtered(round, body, transform);
      case "filter":
        return filtered(round, body, (frame) => frame.locals[slot] ?? null);
      case "exists_one":
        return existsOne(round, body);
      default:
        return quantified(round, body, name === "exists");
    }
  });
}

function itemsOf(receiver: Evaluate, name: string, source: string): (frame: Frame) => readonly Value[] {
  return (frame) => {
    const value = receiver(frame);
    if (isList(value)) return value;
    if (!isMap(value)) throw wrongType(`.${name}() goes through lists, and \`${source}\` is ${kindOf(value)}`);
    const keys = Object.keys(value);
    frame.meter.charge(keys.length);
    return keys;
  };
}

function mapped({ slot, work, items }: Loop, body: Evaluate): Evaluate {
  return (frame) => {
    const results: Value[] = [];
    for (const value of items(frame)) {
      frame.meter.charge(work);
      frame.locals[slot] = value;
      results.push(body(frame));
    }
    return results;
  };
}

function filtered({ slot, work, items }: Loop, predicate: Evaluate, transform: Evaluate): Evaluate {
  return (frame) => {
    const results: Value[] = [];
    for (const value of items(frame)) {
      frame.meter.charge(work);
      frame.locals[slot] = value;
      if (bool(predicate(frame), "a filter")) results.push(transform(frame));
    }
    return results;
  };
}

function existsOne({ slot, work, items }: Loop, predicate: Evaluate): Evaluate {
  return (frame) => {
    let count = 0;
    for (const value of items(frame)) {
      frame.meter.charge(work);
      frame.locals[slot] = value;
      if (bool(predicate(frame), "exists_one()")) count++;
    }
    return count === 1;
  };
}

/** `exists` (decided by true) and `all` (decided by false): a failing round counts only if no other decides. */
function quantified({ slot, work, items }: Loop, predicate: Evaluate, decisive: boolean): Evaluate {
  const name = decisive ? "exists()" : "all()";
  return (frame) => {
    let firstFault: Fault | undefined;
    for (const value of items(frame)) {
      frame.meter.charge(work);
      frame.locals[slot] = value;
      try {
        if (bool(predicate(frame), name) === decisive) return decisive;
      } catch (error: unknown) {
        if (!absorbable(error)) throw error;
        frame.meter.chargeFault();
        firstFault ??= error;
      }
    }
    if (firstFault !== undefined) throw firstFault;
    return !decisive;
  };
}
