/** A delivery as it came in: headers by lower-case name, the body untouched. */
export interface Delivery {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** What a scheme made of a delivery. */
export type Verification =
  | {
      readonly type: "genuine";
      /** The sender's own name for the delivery, for de-duplication; empty = it gives none. */
      readonly deliveryId: string;
      /** What happened, if the scheme says so in a header; empty = it does not. */
      readonly event: string;
      /** The scheme's own headers that a run gets to see. */
      readonly headers: readonly string[];
    }
  /** Not from whom it claims to be. The reason goes to the sender: it never says what would have been right. */
  | { readonly type: "forged"; readonly reason: string };

/** A delivery's own name, in characters; those in use have 36. */
export const DELIVERY_ID_CHARACTERS_MAX = 128;

export function forged(reason: string): Verification {
  return { type: "forged", reason };
}
