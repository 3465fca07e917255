// Bytes on their way to the archive: in frames, each packed alone, so that packing never holds up the event loop for long.
//
//   length of the packed bytes (4) · packed bytes · length (4) · packed bytes …
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Packed at a time: about a millisecond. */
const FRAME_BYTES = 256 * 1024;
/** A frame is never longer packed: zstd adds at most some bytes. */
const PACKED_BYTES_MAX = 2 * FRAME_BYTES;
const LENGTH_BYTES = 4;
const FASTEST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export async function* packed(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks)
    for (let from = 0; from < chunk.length; from += FRAME_BYTES) {
      const body = zstdCompressSync(chunk.subarray(from, from + FRAME_BYTES), FASTEST);
      const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
      frame.writeUInt32BE(body.length, 0);
      body.copy(frame, LENGTH_BYTES);
      yield frame;
    }
}

/** Throws when the bytes end in the middle of a frame, or are none. */
export async function* unpacked(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (let end = frameEnd(rest); end <= rest.length; end = frameEnd(rest)) {
      yield zstdDecompressSync(rest.subarray(LENGTH_BYTES, end));
      rest = rest.subarray(end);
    }
  }
  if (rest.length > 0) throw new Error(`The packed bytes end ${frameEnd(rest) - rest.length} bytes early.`);
}

/** Where the first frame ends, if its length is there already. */
function frameEnd(bytes: Buffer): number {
  if (bytes.length < LENGTH_BYTES) return LENGTH_BYTES + 1;
  const length = bytes.readUInt32BE(0);
  if (length > PACKED_BYTES_MAX) throw new Error(`A packed frame claims ${length} bytes.`);
  return LENGTH_BYTES + length;
}
