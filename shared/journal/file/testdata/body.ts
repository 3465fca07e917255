/** Small, so that a short life sees several. */
export const SEGMENT_BYTES = 64 * 1024;

/** How often the writer forgets what is older than this many records. */
export const TRUNCATE_EVERY = 50;

/** The body of the record at a position: its size and bytes follow from the position alone. */
export function bodyAt(at: number): Buffer {
  const bytes = (at * 7919) % (at % 13 === 0 ? 40_000 : 3_000);
  return Buffer.alloc(bytes, `${at},`);
}
