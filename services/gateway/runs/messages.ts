// Small pieces of the API's messages that more than one answer holds.

/** No payload. */
export const NO_BYTES = Buffer.alloc(0);

/** A point in time; 0 = none. */
export function timeMessage(epochMs: number): Date | undefined {
  return epochMs === 0 ? undefined : new Date(epochMs);
}
