// Reads protobuf for the generated decoders with the results and the errors of the library's reader (the test beside this
// file compares them), faster: native UTF-8 without views, no BigInt for integers below 2^49.
import { BinaryReader } from "@bufbuild/protobuf/wire";

export class FastReader extends BinaryReader {
  /** What is read. */
  readonly source: Buffer;
  /** The generated decoders count their nesting here; declared, so that a reader never changes its shape. */
  readonly __tsProtoDecodeDepth = 0;

  constructor(source: Buffer) {
    super(source);
    this.source = source;
    // The library sets a function on each reader, which hides a method of the prototype.
    this.uint32 = readVarint32;
  }

  override bytes(): Uint8Array {
    const { buffer, byteOffset } = this.source;
    const end = this.endOfChunk();
    const chunk = new Uint8Array(buffer, byteOffset + this.pos, end - this.pos);
    this.pos = end;
    return chunk;
  }

  override string(strict?: boolean): string {
    if (strict === true) return super.string(true);
    const end = this.endOfChunk();
    const text = this.source.toString(undefined, this.pos, end);
    this.pos = end;
    return text;
  }

  override uint64(): bigint | string {
    const value = this.smallVarint64();
    return value === undefined ? super.uint64() : String(value);
  }

  override int64(): bigint | string {
    const value = this.smallVarint64();
    return value === undefined ? super.int64() : String(value);
  }

  /** Steps over a length prefix and returns where what it measures ends. */
  private endOfChunk(): number {
    const bytes = this.uint32();
    const end = this.pos + bytes;
    if (end > this.len) throw new RangeError("premature EOF");
    return end;
  }

  /** A varint of at most seven bytes, which is never negative; undefined, having read nothing, when it is longer. */
  private smallVarint64(): number | undefined {
    const { source, len } = this;
    const last = Math.min(len, this.pos + 7);
    let value = 0;
    let unit = 1;
    for (let at = this.pos; at < last; at++) {
      const byte = source[at] ?? 0;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) {
        this.pos = at + 1;
        return value;
      }
      unit *= 0x80;
    }
    return undefined;
  }
}

/** The library's function for what is longer than two bytes, or cut off. */
const readLongVarint32 = new BinaryReader(new Uint8Array(0)).uint32;

function readVarint32(this: FastReader): number {
  const { pos, len, source } = this;
  const first = source[pos] ?? 0;
  if (first < 0x80 && pos < len) {
    this.pos = pos + 1;
    return first;
  }
  const second = source[pos + 1] ?? 0;
  if (second < 0x80 && pos + 1 < len) {
    this.pos = pos + 2;
    return (first & 0x7f) | (second << 7);
  }
  return readLongVarint32.call(this);
}
