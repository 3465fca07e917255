// The numbers of messages as the durable events make them, kept apart from the shards' own.
import { type Way, wayOf } from "@millrace/core/messages/ways.ts";
import type { RunMessage } from "@millrace/model/messages.ts";
import type { MessageApplied, MessageEvent, MessageSent, MessagesAcked } from "@millrace/model/run-events.ts";

/** Both sides of a way. */
export interface TrueWay extends Way {
  /** Everything ever sent; message `n` is at `n - 1`. */
  readonly sent: RunMessage[];
  applied: number;
  acked: number;
}

export function nameOfWay({ from, to, lane }: Way): string {
  return `${from}>${to} ${lane}`;
}

export class TrueWays {
  readonly ways = new Map<string, TrueWay>();

  /** Folds an event; says what is wrong with it, or nothing. */
  fold(event: MessageEvent): string | undefined {
    const { from, to, lane } = event.type === "message-sent" ? wayOf(event.message) : event;
    const name = nameOfWay({ from, to, lane });
    let way = this.ways.get(name);
    if (way === undefined) {
      way = { from, to, lane, sent: [], applied: 0, acked: 0 };
      this.ways.set(name, way);
    }
    switch (event.type) {
      case "message-sent":
        return sent(way, name, event);
      case "message-applied":
        return applied(way, name, event);
      case "messages-acked":
        return acked(way, name, event);
    }
  }

  /** The message that was applied. */
  message(event: MessageApplied): RunMessage | undefined {
    return this.ways.get(nameOfWay(event))?.sent[event.number - 1];
  }

  /** Messages that have not done what they say. */
  get unapplied(): number {
    let count = 0;
    for (const { sent: all, applied: done } of this.ways.values()) count += all.length - done;
    return count;
  }
}

function sent(way: TrueWay, name: string, { number, message }: MessageSent): string | undefined {
  if (number !== way.sent.length + 1) return `way ${name} sends ${number} after ${way.sent.length}`;
  way.sent.push(message);
  return undefined;
}

function applied(way: TrueWay, name: string, { number }: MessageApplied): string | undefined {
  if (number !== way.applied + 1) return `way ${name} applies ${number} after ${way.applied}`;
  if (number > way.sent.length) return `way ${name} applies ${number}, which was not sent`;
  way.applied = number;
  return undefined;
}

function acked(way: TrueWay, name: string, { upTo }: MessagesAcked): string | undefined {
  if (upTo <= way.acked) return `way ${name} acknowledges ${upTo} after ${way.acked}`;
  if (upTo > way.applied) return `way ${name} acknowledges ${upTo}; only ${way.applied} were applied`;
  way.acked = upTo;
  return undefined;
}
