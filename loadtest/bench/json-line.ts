/** The fields of a JSON object on a line; empty for anything else. */
export function fieldsOf(line: string): ReadonlyMap<string, unknown> {
  const value: unknown = JSON.parse(line);
  return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
}

/** A number among fields; undefined if it is none. */
export function numberIn(fields: ReadonlyMap<string, unknown>, name: string): number | undefined {
  const value = fields.get(name);
  return typeof value === "number" ? value : undefined;
}
