// JSON whose numbers stay as they are written, in what is sent and in what is printed: they may be IDs.

declare global {
  // Part of ES2026; Node.js has it, the compiler's library does not yet.
  interface JSON {
    rawJSON(text: string): object;
  }
}

/** A value that JSON.stringify writes with the very numbers of `text`; not one to reckon with. Throws SyntaxError. */
export function parseExactly(text: string): unknown {
  const value: unknown = JSON.parse(text, (_key, part: unknown, { source = "" }: { readonly source?: string } = {}) =>
    typeof part === "number" ? JSON.rawJSON(source) : part,
  );
  return value;
}
