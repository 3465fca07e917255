// Splits a string of a definition into plain text and `${…}` expressions. `$${` stands for a plain `${`.
import type { ExpressionProblem } from "./grammar.ts";

export type TextPart =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "expression";
      readonly source: string /** Where `source` begins in the string. */;
      readonly offset: number;
    };

/** The parts in order; texts are never empty. A string without expressions has one part or none. */
export function splitText(text: string): readonly TextPart[] | ExpressionProblem {
  const parts: TextPart[] = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("${", at);
    if (open < 0) break;
    if (open > at && text[open - 1] === "$") {
      plain += text.slice(at, open - 1) + "${";
      at = open + 2;
      continue;
    }
    plain += text.slice(at, open);
    const close = closingBrace(text, open + 2);
    if (close === undefined) {
      return {
        message: "`${` is never closed",
        fix: "Add the closing `}`, or write `$${` for a plain `${`.",
        offset: open,
      };
    }
    if (plain !== "") parts.push({ type: "text", text: plain });
    plain = "";
    parts.push({ type: "expression", source: text.slice(open + 2, close), offset: open + 2 });
    at = close + 1;
  }
  plain += text.slice(at);
  if (plain !== "") parts.push({ type: "text", text: plain });
  return parts;
}

/** The brace that ends an expression: braces nest, and those in CEL's strings do not count. */
function closingBrace(text: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === "'" || character === '"') {
      const end = stringEnd(text, at, character);
      if (end === undefined) return undefined;
      at = end;
    } else if (character === "{") depth++;
    else if (character === "}" && depth-- === 0) return at;
  }
  return undefined;
}

/** The last character of the CEL string that begins at `from`. */
function stringEnd(text: string, from: number, quote: string): number | undefined {
  const delimiter = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote;
  for (let at = from + delimiter.length; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text.startsWith(delimiter, at)) return at + delimiter.length - 1;
  }
  return undefined;
}
