// Counts the work of one evaluation, so that a hostile expression or input ends by a number and not by a clock. Work is
// the same wherever and whenever an expression runs: nothing here depends on time, caches or the machine.
import { Fault } from "./fault.ts";

/**
 * Units of work one evaluation (a whole template or one `if`) may use. A unit is about one node of an expression's tree,
 * 10 to 30 ns: the dearest evaluation takes some 20 ms. A payload of 4 MiB costs a quarter of it to read.
 */
export const WORK_MAX = 1_000_000;

/** Characters that cost one unit when they are read, copied or compared. */
const CHARACTERS_A_UNIT = 16;

/** A fault that logic absorbed costs this much: making the error object is dear. */
const FAULT_WORK = 200;

export class Meter {
  used = 0;

  charge(units: number): void {
    this.used += units;
    if (this.used > WORK_MAX) {
      throw new Fault(
        "EXPRESSION_TOO_COSTLY",
        `it needs more than ${WORK_MAX} units of work`,
        "Move the computation into a task, or make the list smaller before going through it.",
      );
    }
  }

  chargeCharacters(count: number): void {
    this.charge(Math.ceil(count / CHARACTERS_A_UNIT));
  }

  /** Looking for `needle` in `text`: engines may compare every pair of characters. */
  chargeSearch(text: string, needle: string): void {
    const characters = Math.ceil(text.length / CHARACTERS_A_UNIT);
    this.charge(characters * (1 + Math.ceil(needle.length / CHARACTERS_A_UNIT)));
  }

  chargeFault(): void {
    this.charge(FAULT_WORK);
  }
}
