// Values that carry a checksum: [crc32 of the rest (4)] [packed? (1)] [body]. A body worth it is packed with zstd, whose
// fastest level takes about 2 ns a byte; it is always written by the store's own thread.
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { StoreDamaged } from "../store.ts";

const HEADER_BYTES = 5;
const PLAIN = 0;
const PACKED = 1;
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Bodies below this stay plain: alone they shrink little, and a reader on the event loop pays some 20 µs to unpack one. */
const PACK_BYTES_MIN = 4096;

/** Seals a body. */
export function seal(body: Uint8Array): Buffer {
  const packed = body.length >= PACK_BYTES_MIN ? zstdCompressSync(body, ZSTD) : undefined;
  const content = packed !== undefined && packed.length < body.length ? packed : body;
  const value = Buffer.allocUnsafe(HEADER_BYTES + content.length);
  value[4] = content === body ? PLAIN : PACKED;
  value.set(content, HEADER_BYTES);
  value.writeUInt32BE(crc32(value.subarray(4)), 0);
  return value;
}

/** Opens a sealed value. Throws {@link StoreDamaged}, naming `key`, when it is not what was sealed. */
export function unseal(value: Buffer, file: string, key: () => string): Buffer {
  if (value.length < HEADER_BYTES || value.readUInt32BE(0) !== crc32(value.subarray(4))) {
    throw new StoreDamaged(file, `the checksum of ${key()} is wrong`);
  }
  const content = value.subarray(HEADER_BYTES);
  return value[4] === PACKED ? zstdDecompressSync(content) : content;
}
