// Turns a parsed expression into closures. Loops charge their body's size for every round (meter.ts), operations that
// grow with their operands charge for those; straight code is bounded by its source.
import type { ASTNode } from "@marcbachmann/cel-js";
import { RUN_INPUT } from "@millrace/model/payload.ts";
import { element, field, hasField, optionalElement } from "./access.ts";
import {
  type ArithmeticOperator,
  arithmetic,
  bool,
  contains,
  equal,
  inOrder,
  int,
  negative,
  type OrderOperator,
} from "./arithmetic.ts";
import { Binders, type Locals } from "./binders.ts";
import { compileCall, compileMethod } from "./compile-call.ts";
import { type Compiling, isGlobal } from "./compiling.ts";
import { absorbable, wrongType } from "./fault.ts";
import type { Evaluate, Frame } from "./frame.ts";
import { Refused, type Site, stepAt } from "./site.ts";
import { emptyMap, kindOf, Timestamp } from "./value.ts";

/** What an expression reads of a run. */
/** One expression being compiled. */
export class Compiler implements Compiling {
  readonly source: string;
  readonly site: Site;
  /** Steps whose outputs it reads, RUN_INPUT for the run's input. */
  readonly reads = new Set<number>();
  readonly binders = new Binders();
  nodes = 0;

  constructor(source: string, site: Site) {
    this.source = source;
    this.site = site;
  }

  node(node: ASTNode, locals: Locals): Evaluate {
    this.nodes++;
    switch (node.op) {
      case "value":
        return this.#literal(node.args, node.start);
      case "id":
        return this.#variable(node.args, node.start, locals);
      case ".":
        return this.#field(node, locals);
      case ".?": {
        const receiver = this.node(node.args[0], locals);
        const name = node.args[1];
        return (frame) => optionalElement(receiver(frame), name);
      }
      case "[]":
        return this.#element(node, locals);
      case "[?]": {
        const receiver = this.node(node.args[0], locals);
        const key = this.node(node.args[1], locals);
        return (frame) => optionalElement(receiver(frame), key(frame));
      }
      case "call":
        return compileCall(this, node, locals);
      case "rcall":
        return compileMethod(this, node, locals);
      case "list":
        return this.#list(node.args, locals);
      case "map":
        return this.#map(node.args, locals);
      case "?:":
        return this.#ternary(node.args, locals);
      case "||":
        return this.#logic(node.args, true, locals);
      case "&&":
        return this.#logic(node.args, false, locals);
      case "!_": {
        const operand = this.node(node.args, locals);
        return (frame) => !bool(operand(frame), "!");
      }
      case "-_": {
        const operand = this.node(node.args, locals);
        return (frame) => negative(operand(frame));
      }
      default:
        return this.#binary(node.op, node.args, locals);
    }
  }

  text(node: ASTNode): string {
    return this.source.slice(node.start, node.end);
  }

  has(node: ASTNode, locals: Locals): Evaluate {
    if (node.op !== ".") throw new Refused("has() needs a field", "Write has(input.email).", node.start);
    if (this.stepMember(node, locals) !== undefined) {
      const fix = "Compare steps.<name>.status with 'skipped' instead.";
      throw new Refused("a step always has an output and a status", fix, node.start);
    }
    const receiver = this.node(node.args[0], locals);
    const name = node.args[1];
    const source = this.text(node.args[0]);
    return (frame) => hasField(receiver(frame), name, source);
  }

  /** The step and member of `steps.<name>.<member>` or `steps["<name>"].<member>`; undefined for other nodes. */
  stepMember(node: ASTNode, locals: Locals): { readonly step: number; readonly member: string } | undefined {
    const member = constantKey(node);
    if (member === undefined) return undefined;
    const name = constantKey(member.receiver);
    if (name === undefined || !isGlobal(name.receiver, "steps", locals)) return undefined;
    return { step: stepAt(this.site, name.key, member.receiver.start), member: member.key };
  }

  #literal(value: unknown, offset: number): Evaluate {
    switch (typeof value) {
      case "bigint": {
        const literal = int(value);
        return () => literal;
      }
      case "string":
      case "number":
      case "boolean":
        return () => value;
      default:
        if (value === null) return () => null;
        throw new Refused(
          "bytes and unsigned integers are not part of the language",
          "Write a string or an int.",
          offset,
        );
    }
  }

  #variable(name: string, offset: number, locals: Locals): Evaluate {
    const slot = locals.get(name);
    if (slot !== undefined) return (frame) => frame.locals[slot] ?? null;
    switch (name) {
      case "input":
      case "trigger":
        this.reads.add(RUN_INPUT);
        return (frame) => frame.input();
      case "item":
      case "index":
        if (!this.site.hasItem) {
          throw new Refused(`\`${name}\` has no meaning here`, "It is for `with` of a step with `forEach`.", offset);
        }
        return name === "item" ? (frame) => frame.item() : (frame) => BigInt(frame.scope.itemIndex);
      case "steps":
        throw new Refused("`steps` is no value by itself", "Write steps.<name>.output or steps.<name>.status.", offset);
      case "run":
        throw new Refused("`run` is no value by itself", "Write run.id, run.epoch, run.startTime, …", offset);
      default:
        throw new Refused(`\`${name}\` is no value`, "Start with input, steps or run.", offset);
    }
  }

  #field(node: Extract<ASTNode, { op: "." }>, locals: Locals): Evaluate {
    const [receiverNode, name] = node.args;
    if (isGlobal(receiverNode, "run", locals)) return runField(name, node.start);
    const step = this.#stepAccess(node, locals);
    if (step !== undefined) return step;
    const receiver = this.node(receiverNode, locals);
    const source = this.text(receiverNode);
    return (frame) => field(receiver(frame), name, source);
  }

  #element(node: Extract<ASTNode, { op: "[]" }>, locals: Locals): Evaluate {
    const step = this.#stepAccess(node, locals);
    if (step !== undefined) return step;
    const receiver = this.node(node.args[0], locals);
    const key = this.node(node.args[1], locals);
    const source = this.text(node.args[0]);
    return (frame) => element(receiver(frame), key(frame), source);
  }

  #stepAccess(node: ASTNode, locals: Locals): Evaluate | undefined {
    const access = this.stepMember(node, locals);
    if (access === undefined) {
      const name = constantKey(node);
      if (name === undefined || !isGlobal(name.receiver, "steps", locals)) return undefined;
      const fix = `Write steps.${name.key}.output or steps.${name.key}.status.`;
      throw new Refused("a step is no value by itself", fix, node.start);
    }
    const { step, member } = access;
    if (member === "status") return (frame) => frame.scope.status(step);
    if (member !== "output") {
      throw new Refused(`a step has no \`${member}\``, "It has `output` and `status`.", node.start);
    }
    this.reads.add(step);
    return (frame) => frame.output(step);
  }

  #list(nodes: readonly ASTNode[], locals: Locals): Evaluate {
    const elements = nodes.map((node) => this.node(node, locals));
    return (frame) => elements.map((evaluate) => evaluate(frame));
  }

  #map(entries: readonly (readonly [ASTNode, ASTNode])[], locals: Locals): Evaluate {
    const compiled = entries.map(([key, value]) => [this.node(key, locals), this.node(value, locals)] as const);
    return (frame) => {
      const map = emptyMap();
      for (const [key, value] of compiled) {
        const name = key(frame);
        if (typeof name !== "string")
          throw wrongType(`a map's keys are strings, not ${kindOf(name)}`, "Convert with string(…).");
        map[name] = value(frame);
      }
      return map;
    };
  }

  #ternary(nodes: readonly [ASTNode, ASTNode, ASTNode], locals: Locals): Evaluate {
    const condition = this.node(nodes[0], locals);
    const yes = this.node(nodes[1], locals);
    const no = this.node(nodes[2], locals);
    return (frame) => (bool(condition(frame), "? :") ? yes(frame) : no(frame));
  }

  /** `||` (decided by true) and `&&` (decided by false): a failing side counts only if the other does not decide. */
  #logic(nodes: readonly [ASTNode, ASTNode], decisive: boolean, locals: Locals): Evaluate {
    const left = this.node(nodes[0], locals);
    const right = this.node(nodes[1], locals);
    const name = decisive ? "||" : "&&";
    return (frame) => {
      let first: boolean;
      try {
        first = bool(left(frame), name);
      } catch (error: unknown) {
        if (!absorbable(error)) throw error;
        frame.meter.chargeFault();
        if (bool(right(frame), name) === decisive) return decisive;
        throw error;
      }
      return first === decisive ? decisive : bool(right(frame), name);
    };
  }

  #binary(operator: BinaryOperator, nodes: readonly [ASTNode, ASTNode], locals: Locals): Evaluate {
    const left = this.node(nodes[0], locals);
    const right = this.node(nodes[1], locals);
    switch (operator) {
      case "==":
        return (frame) => equal(left(frame), right(frame), frame.meter);
      case "!=":
        return (frame) => !equal(left(frame), right(frame), frame.meter);
      case "in":
        return (frame) => contains(left(frame), right(frame), frame.meter);
      case "<":
      case "<=":
      case ">":
      case ">=":
        return (frame) => inOrder(operator, left(frame), right(frame), frame.meter);
      default:
        return (frame) => arithmetic(operator, left(frame), right(frame), frame.meter);
    }
  }
}

type BinaryOperator = ArithmeticOperator | OrderOperator | "==" | "!=" | "in";

/** `receiver.key` or `receiver["key"]`. */
function constantKey(node: ASTNode): { readonly receiver: ASTNode; readonly key: string } | undefined {
  if (node.op === ".") return { receiver: node.args[0], key: node.args[1] };
  if (node.op !== "[]") return undefined;
  const index = node.args[1];
  return index.op === "value" && typeof index.args === "string"
    ? { receiver: node.args[0], key: index.args }
    : undefined;
}

function runField(name: string, offset: number): Evaluate {
  switch (name) {
    case "id":
    case "workflow":
    case "tenant":
      return (frame: Frame) => frame.scope.run[name];
    case "version":
    case "epoch":
    case "startedMs":
      return (frame: Frame) => BigInt(frame.scope.run[name]);
    case "startTime":
      return (frame: Frame) => new Timestamp(frame.scope.run.startedMs);
    default:
      throw new Refused(
        `run has no \`${name}\``,
        "It has id, workflow, version, tenant, epoch, startedMs, startTime.",
        offset,
      );
  }
}
