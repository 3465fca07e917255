// Reading what JetStream answers: JSON that nobody vouches for.

export function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** A field that is a number; 0 where it is not there, as JetStream leaves zeros out. */
export function numberOf(value: unknown, name: string): number {
  const found = field(value, name);
  return typeof found === "number" ? found : 0;
}

/** A field that is text; "" where it is not there. */
export function textOf(value: unknown, name: string): string {
  const found = field(value, name);
  return typeof found === "string" ? found : "";
}
