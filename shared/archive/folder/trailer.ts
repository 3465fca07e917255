// What stands behind the bytes in an archive's file, so that a copy of the file alone can be checked:
//
//   bytes … | magic "MRARCH01" (8) | length of the bytes (8) | stored at, epoch ms (8) | SHA-256 of the bytes (32)
//
// Numbers are big-endian.

const MAGIC = Buffer.from("MRARCH01");
const SHA256_BYTES = 32;
export const TRAILER_BYTES = MAGIC.length + 8 + 8 + SHA256_BYTES;

export interface Trailer {
  readonly bytes: number;
  readonly storedMs: number;
  readonly sha256: Buffer;
}

export function encodeTrailer({ bytes, storedMs, sha256 }: Trailer): Buffer {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  MAGIC.copy(trailer);
  trailer.writeBigUInt64BE(BigInt(bytes), 8);
  trailer.writeBigUInt64BE(BigInt(storedMs), 16);
  sha256.copy(trailer, 24);
  return trailer;
}

/** The trailer that these last bytes of a file are; null = the file is not whole. */
export function decodeTrailer(last: Buffer, fileBytes: number): Trailer | null {
  if (last.length !== TRAILER_BYTES || !last.subarray(0, 8).equals(MAGIC)) return null;
  const bytes = Number(last.readBigUInt64BE(8));
  if (bytes + TRAILER_BYTES !== fileBytes) return null;
  return { bytes, storedMs: Number(last.readBigUInt64BE(16)), sha256: last.subarray(24) };
}
