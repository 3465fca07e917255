/** Makes a value of a payload's JSON text. */
export type ParsePayload = (text: string) => unknown;

/** What is done unless somebody knows better. */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return value;
}
