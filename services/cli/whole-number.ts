import { InvalidArgumentError } from "commander";

/** Of a flag: a number of at most nine digits, without a sign. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Write a whole number.");
  return Number(text);
}
