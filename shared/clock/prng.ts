// Seeded random bits for the simulation and for tests: the same seed gives the same numbers on every machine.

/** The golden ratio in 32 bits: an odd step that visits every state once (Weyl sequence). */
const WEYL_STEP = 0x9e3779b9;

/** A small generator: a Weyl sequence through a 32-bit mixer. Period 2^32; no secrets. */
export class Prng {
  #state: number;

  /** Any integer; only its lower 32 bits count. */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 random bits, as an integer from 0. */
  next32(): number {
    this.#state = (this.#state + WEYL_STEP) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** An integer from 0 to `bound` - 1; `bound` from 1 to 2^32. */
  below(bound: number): number {
    return Math.floor((this.next32() / 0x1_0000_0000) * bound);
  }

  /** True with this probability, 0 to 1. */
  chance(probability: number): boolean {
    return this.next32() < probability * 0x1_0000_0000;
  }

  /** A generator of its own, so that what one part draws does not shift what another one gets. */
  fork(): Prng {
    return new Prng(this.next32());
  }
}
