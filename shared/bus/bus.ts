// The port of the bus: messages between the processes of a cluster, by subject. Fast and forgetful.
//
//   publisher ── subject, data ──► whoever listens on it at that moment, each once or not at all
//             ◄── "nobody" ─────── at once, if a reply was asked for and nobody listened
//
// 1. What one process publishes reaches a listener in the order it was published, with gaps where messages got lost.
// 2. A message may get lost at any time (a cut connection, a listener too slow). Whoever needs more asks again.
// 3. Subjects are tokens of `[A-Za-z0-9_-]` joined by dots, at most 255 characters. Listeners may write `*` for one token
//    and, at the end, `>` for one or more. Anything else throws RangeError.
// 4. A process hears itself: one that plays several roles needs no second way between them.

/** The largest message: below what a server takes by default (1 MiB), with room for its headers. */
export const MESSAGE_BYTES_MAX = 960 * 1024;

/** A message as its listener hears it. */
export type BusMessage =
  | {
      readonly type: "message";
      readonly subject: string;
      /** Valid for as long as it is referenced; it is never reused. Not to be changed: others may hear the same bytes. */
      readonly data: Uint8Array;
      /** Where an answer is expected; empty = nowhere. */
      readonly reply: string;
    }
  /** Comes on a reply subject, which it names: nobody listened on what was published to. */
  | { readonly type: "nobody"; readonly subject: string };

/** What came of a request. */
export type BusAnswer =
  | { readonly type: "answered"; readonly data: Uint8Array }
  /** Nobody listens on the subject. */
  | { readonly type: "nobody" }
  /** No answer came in time, or the connection was lost: the request may have been heard or not. */
  | { readonly type: "silent" };

/** A standing order for messages; call to end it. Nothing is heard afterwards. */
export type Unsubscribe = () => void;

export interface Bus {
  /**
   * Hands a message to everyone who listens on the subject. Never waits and never throws for a cut connection or a full
   * queue: then the message is lost. `data` must not change afterwards. With `reply`, a subject below this handle's own
   * {@link inbox}, this handle hears {@link BusMessage} `nobody` there when nobody listened; where several servers make
   * one cluster, a listener they have not told each other of yet is nobody, too.
   * Throws RangeError when data is larger than {@link MESSAGE_BYTES_MAX}.
   */
  publish(subject: string, data: Uint8Array, reply?: string): void;
  /**
   * Calls `heard` for every message on the subject, from the moment the next {@link settled} resolves at the latest, and
   * again after a lost connection. `heard` must not throw.
   */
  subscribe(subject: string, heard: (message: BusMessage) => void): Unsubscribe;
  /** Publishes and waits for the first answer, `timeoutMs` at most. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer>;
  /** A subject of this handle's own: `<inbox>.<whatever>` is its owner's to listen on and to hand out as `reply`. */
  readonly inbox: string;
  /** Whether messages can be sent now. */
  readonly connected: boolean;
  /** Calls back whenever the connection was lost (false) and when it is there again (true). */
  onConnection(changed: (connected: boolean) => void): Unsubscribe;
  /**
   * Resolves when everything subscribed and published so far has reached the server; rejects when there is none, or when
   * the connection is lost before that.
   */
  settled(): Promise<void>;
  /** Sends what was published, ends all subscriptions and answers all requests. */
  close(): Promise<void>;
}

/** There is no server, or the connection to it was lost. */
export class BusCut extends Error {
  override readonly name = "BusCut";
}
