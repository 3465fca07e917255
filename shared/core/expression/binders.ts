// Names that an expression gives to values: variables of comprehensions and of cel.bind.

/** The slot of each name in sight. */
export type Locals = ReadonlyMap<string, number>;

export const NO_LOCALS: Locals = new Map();

/** Hands out slots: one a nesting level, used again by the next loop at that level. */
export class Binders {
  #depth = 0;

  /** Runs `body` with a name in sight; returns what it returns. */
  bind<Result>(name: string, locals: Locals, body: (slot: number, inner: Locals) => Result): Result {
    const slot = this.#depth++;
    const result = body(slot, new Map(locals).set(name, slot));
    this.#depth--;
    return result;
  }
}
