// Frames as bytes. What does not fit into one message of the bus travels in parts, each a frame of its own.
import { MESSAGE_BYTES_MAX } from "@millrace/bus/bus.ts";
import {
  type FramePart,
  GatewayFrame,
  OwnerAnnouncement,
  ShardFrame,
} from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import { FastReader } from "@millrace/rpc/wire/fast-reader.ts";
import { FastWriter } from "@millrace/rpc/wire/fast-writer.ts";

/** Bytes of a part: what a message takes, less the frame around it. */
const PART_BYTES_MAX = MESSAGE_BYTES_MAX - 1024;

/** Encoding never waits and never nests, so one writer serves everybody. */
const writer = new FastWriter();

export function newGatewayFrame(): GatewayFrame {
  return {
    session: 0,
    number: 0,
    gateway: "",
    starts: [],
    results: [],
    pulls: [],
    commands: [],
    messages: [],
    runQueries: [],
    listQueries: [],
    watches: [],
    taken: [],
    unwatches: [],
    follows: [],
    unfollows: [],
    holding: [],
    holdsNoOther: false,
    returns: [],
    part: undefined,
  };
}

export function newShardFrame(): ShardFrame {
  return {
    session: 0,
    number: 0,
    term: 0,
    replies: [],
    pulled: [],
    ends: [],
    demands: [],
    runs: [],
    lists: [],
    changes: [],
    withdrawn: [],
    moved: [],
    owed: [],
    part: undefined,
  };
}

export function encodeGatewayFrame(frame: GatewayFrame): Buffer {
  writer.reset();
  GatewayFrame.encode(frame, writer);
  return writer.finish();
}

export function encodeShardFrame(frame: ShardFrame): Buffer {
  writer.reset();
  ShardFrame.encode(frame, writer);
  return writer.finish();
}

export function encodeAnnouncement(announcement: OwnerAnnouncement): Buffer {
  writer.reset();
  OwnerAnnouncement.encode(announcement, writer);
  return writer.finish();
}

/** undefined = bytes that are no such frame: like one that was lost. */
export function decodeGatewayFrame(data: Uint8Array): GatewayFrame | undefined {
  return decoded(() => GatewayFrame.decode(readerOf(data)));
}

export function decodeShardFrame(data: Uint8Array): ShardFrame | undefined {
  return decoded(() => ShardFrame.decode(readerOf(data)));
}

export function decodeAnnouncement(data: Uint8Array): OwnerAnnouncement | undefined {
  return decoded(() => OwnerAnnouncement.decode(readerOf(data)));
}

/** The parts an encoded frame has to travel in; null = it fits as it is. */
export function partsOf(encoded: Buffer): FramePart[] | null {
  if (encoded.length <= MESSAGE_BYTES_MAX) return null;
  const count = Math.ceil(encoded.length / PART_BYTES_MAX);
  return Array.from({ length: count }, (_, index) => {
    const data = encoded.subarray(index * PART_BYTES_MAX, (index + 1) * PART_BYTES_MAX);
    return { index, count, data };
  });
}

function readerOf(data: Uint8Array): FastReader {
  return new FastReader(Buffer.from(data.buffer, data.byteOffset, data.length));
}

/** Whatever the decoder finds wrong means the same to us. */
function decoded<Frame>(decode: () => Frame): Frame | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
