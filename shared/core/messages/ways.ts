// How messages between slots count. A way is a sending slot, a receiving slot and a lane; its messages are numbered from 1.
//
//   sender     1 … 40 acked │ 41 … 55 waiting, sent until acked
//   receiver   1 … 43 applied: of these any is "repeated", 44 is "next", 45 and more are "early"
import type { Slot } from "@millrace/model/ids.ts";
import type { Lane, RunMessage } from "@millrace/model/messages.ts";
import { slotOfRun } from "../run-id.ts";

export interface Way {
  readonly from: Slot;
  readonly to: Slot;
  readonly lane: Lane;
}

/** The sender's side of a way. */
export interface Sending {
  /** The receiver is known to have everything up to here. */
  acked: number;
  /** Messages `acked + 1` and on. */
  waiting: RunMessage[];
}

/** What a message is to its receiver. */
export type Standing = "next" | "repeated" | "early";

export function wayOf(message: RunMessage): Way {
  return { from: slotOfRun(message.from), to: slotOfRun(message.to), lane: laneOf(message) };
}

/** Appends a message; returns its number. */
export function send(sending: Sending, message: RunMessage): number {
  return sending.acked + sending.waiting.push(message);
}

/** Drops what the receiver has; returns how many were dropped. */
export function acknowledge(sending: Sending, upTo: number): number {
  const dropped = sending.waiting.splice(0, upTo - sending.acked).length;
  sending.acked += dropped;
  return dropped;
}

/** What a message of this number is when everything up to `applied` has been applied. */
export function standing(applied: number, number: number): Standing {
  if (number <= applied) return "repeated";
  return number === applied + 1 ? "next" : "early";
}

function laneOf({ type }: RunMessage): Lane {
  switch (type) {
    case "start-child":
    case "stop-child":
      return "start";
    case "child-started":
    case "child-refused":
    case "child-ended":
      return "answer";
  }
}
