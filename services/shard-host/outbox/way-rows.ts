// How ways lie in the store: a row each and side, under keys that sort by the slot whose side it is, so that they
// can go with that slot. Of those with messages waiting there may be few among millions: they have keys of their own.
//
//   way-open/<from>/<to>/<lane>   sender's side with messages that wait       acked, then number by number the messages
//   way-sent/<from>/<to>/<lane>   sender's side, everything acknowledged      acked
//   way-got/<to>/<from>/<lane>    receiver's side                             applied
import { laneCode, laneOfCode, nextMessage, pushMessage } from "@millrace/codec/messages-v1.ts";
import { packValues, type Value, ValueReader } from "@millrace/codec/values.ts";
import type { Sending, Way } from "@millrace/core/messages/ways.ts";
import { type Slot, slot } from "@millrace/model/ids.ts";
import type { RunMessage } from "@millrace/model/messages.ts";
import type { ShardRow } from "@millrace/store/store.ts";
import type { Incoming, Outgoing } from "./ways.ts";

/** What the keys of ways with messages that wait begin with. */
export const OPEN_PREFIX = "way-open/";

const SLOT_DIGITS = 3;

function openKey({ from, to, lane }: Way): string {
  return `${OPEN_PREFIX}${hex(from)}/${hex(to)}/${laneCode(lane)}`;
}

export function sentKey({ from, to, lane }: Way): string {
  return `way-sent/${hex(from)}/${hex(to)}/${laneCode(lane)}`;
}

export function gotKey({ from, to, lane }: Way): string {
  return `way-got/${hex(to)}/${hex(from)}/${laneCode(lane)}`;
}

/** The way of an open key. */
export function wayOfOpenKey(key: string): Way {
  const [from = "", to = "", lane = ""] = key.slice(OPEN_PREFIX.length).split("/");
  return { from: slot(Number.parseInt(from, 16)), to: slot(Number.parseInt(to, 16)), lane: laneOfCode(Number(lane)) };
}

/** What a checkpoint writes of a side. */
export function rowsOf(side: Outgoing | Incoming): ShardRow[] {
  const { position } = side;
  if (!("waiting" in side)) return [{ key: gotKey(side), position, bytes: packValues([side.applied]) }];
  const open = side.waiting.length > 0;
  const row: ShardRow = { key: open ? openKey(side) : sentKey(side), position, bytes: encodeSending(side) };
  return open === side.storedOpen ? [row] : [row, { key: open ? sentKey(side) : openKey(side), position, bytes: null }];
}

function encodeSending({ acked, waiting }: Sending): Buffer {
  const values: Value[] = [acked];
  for (const message of waiting) pushMessage(values, message);
  return packValues(values);
}

/** Throws CodecError. */
export function decodeSending(bytes: Uint8Array): Sending {
  const from = ValueReader.of(bytes);
  const acked = from.number();
  const waiting: RunMessage[] = [];
  while (!from.done) waiting.push(nextMessage(from));
  return { acked, waiting };
}

/** Throws CodecError. */
export function decodeApplied(bytes: Uint8Array): number {
  return ValueReader.of(bytes).number();
}

function hex(at: Slot): string {
  return at.toString(16).padStart(SLOT_DIGITS, "0");
}
