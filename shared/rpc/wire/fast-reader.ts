// Reads protobuf for the generated decoders with the results and the errors of the library's reader (the test beside this
// file compares them), faster: native UTF-8 without views, no BigInt for integers below 2^28, and names that come again and
// again (workflow, tenant, task type) become the same string instead of a new one each time.
import { BinaryReader } from "@bufbuild/protobuf/wire";

/** Names are mostly short; run IDs, which seldom come twice, have 20 characters. */
const NAME_BYTES_MAX = 19;
/** A power of two. More names than a server sees in one frame; at most 5 KiB of text. */
const NAME_CACHE_ENTRIES = 256;

/** Names read lately, each in the place its bytes hash to; only ASCII, whose characters are its bytes. */
const recentNames: string[] = Array.from({ length: NAME_CACHE_ENTRIES }, () => "");

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
    const start = this.skipChunk();
    return new Uint8Array(this.source.buffer, this.source.byteOffset + start, this.pos - start);
  }

  override string(strict?: boolean): string {
    if (strict === true) return super.string(true);
    const start = this.skipChunk();
    const end = this.pos;
    if (end === start) return "";
    return end - start > NAME_BYTES_MAX ? this.source.toString(undefined, start, end) : nameOf(this.source, start, end);
  }

  override uint64(): bigint | string {
    const value = this.smallVarint();
    return value === undefined ? super.uint64() : String(value);
  }

  override int64(): bigint | string {
    const value = this.smallVarint();
    return value === undefined ? super.int64() : String(value);
  }

  /** Steps over a length prefix and what it measures; returns where that begins. */
  private skipChunk(): number {
    const bytes = this.uint32();
    const start = this.pos;
    if (start + bytes > this.len) throw new RangeError("premature EOF");
    this.pos = start + bytes;
    return start;
  }

  /** A varint of at most four bytes; undefined, having read nothing, when it is longer. */
  private smallVarint(): number | undefined {
    const { source } = this;
    const last = Math.min(this.len, this.pos + 4);
    let value = 0;
    let shift = 0;
    for (let at = this.pos; at < last; at++) {
      const byte = source[at] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.pos = at + 1;
        return value;
      }
      shift += 7;
    }
    return undefined;
  }
}

function nameOf(source: Buffer, start: number, end: number): string {
  const bytes = end - start;
  const first = source[start] ?? 0;
  const middle = source[start + (bytes >> 1)] ?? 0;
  const last = source[end - 1] ?? 0;
  const place = (bytes + first + 31 * middle + 7 * last) & (NAME_CACHE_ENTRIES - 1);
  const recent = recentNames[place] ?? "";
  if (recent.length === bytes && isAt(source, start, recent)) return recent;
  const name = source.toString(undefined, start, end);
  if (name.length === bytes) recentNames[place] = name;
  return name;
}

/** Whether the bytes from `start` are the characters of `name`. */
function isAt(source: Buffer, start: number, name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) !== source[start + index]) return false;
  }
  return true;
}

/** The library's function, for what is longer than two bytes or cut off. */
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
