// The loop of turns over one memory and one journal.
//
//   mailbox ─► open turn ─► append (one in flight) ─► ack ─► reactions, replies, held answers
//                 ▲  the next turn is decided while the last one's append is in flight; it is sent on its ack
//
// 1. What is decided is folded at once, so the next command sees it; nothing of it leaves before its record's ack (I1).
// 2. The first append that does not end `appended` ends the loop: `fail` gets every turn that was lost.
// 3. Outside its lease the shard may have another owner by now. Then nothing is answered from memory alone: an append
//    that was sent after the question, if need be an empty one, proves that the shard was still owned (DESIGN §2).
import type { Clock } from "@millrace/clock/clock.ts";
import type { AppendOutcome } from "@millrace/journal/journal.ts";
import { RECORD_BODY_BYTES_MAX } from "@millrace/journal/record.ts";
import type { Position } from "@millrace/model/ids.ts";
import type { Commit } from "./commit.ts";
import type { Decider } from "./decider.ts";
import { OVERLAY_BYTES_MAX, SEND_AT_ONCE_COMMANDS, TURN_BYTES_MAX, TURN_CLOCK_CHECK, TURN_MS_MAX } from "./limits.ts";
import type { Letter, Mailbox } from "./mailbox.ts";
import type { ShardMemory } from "./memory.ts";
import type { Outbox } from "./outbox/outbox.ts";
import { internal, performTurn } from "./reactions.ts";
import type { ShardObserver } from "./shard-options.ts";
import { Turn } from "./turn.ts";

export type LostOutcome = Exclude<AppendOutcome, { readonly type: "appended" }>;

/** What the loop works with. */
export interface LoopScene {
  readonly memory: ShardMemory;
  readonly commit: Commit;
  readonly decider: Decider;
  readonly outbox: Pick<Outbox, "acksDue" | "takeAcks">;
  readonly mailbox: Mailbox;
  readonly clock: Clock;
  readonly observer: ShardObserver;
  /** Whether nobody else can own the shard now. */
  readonly leased: () => boolean;
  /** After a turn's reactions: watchers, timers, checkpoints. */
  readonly performed: (turn: Turn) => void;
  readonly fail: (outcome: LostOutcome, lost: readonly Turn[]) => void;
  /** Deciding threw. */
  readonly broken: (error: unknown, lost: readonly Turn[]) => void;
}

/** An answer that waits until what it saw is durable. */
interface HeldAnswer {
  readonly seen: Position;
  readonly leave: () => void;
  readonly lost: () => void;
}

export class TurnLoop {
  readonly #scene: LoopScene;
  readonly #body = Buffer.allocUnsafeSlow(RECORD_BODY_BYTES_MAX);
  #open: Turn | null = null;
  #inFlight: Turn | null = null;
  /** A letter that found its record full. */
  #again: Letter | null = null;
  #held: HeldAnswer[] = [];
  #quiet: (() => void)[] = [];
  #scheduled = false;
  /** Whether an answer waits for an append that may have nothing else to do. */
  #proofWanted = false;
  /** Whether the mailbox may hold something that can be taken: starts stay in it while there is no room for runs. */
  #more = false;
  #ended = false;

  constructor(scene: LoopScene) {
    this.#scene = scene;
    const { memory, observer } = scene;
    memory.loads.listen({ ready: () => this.wake(), unreadable: (reason) => observer.unreadable(reason) });
  }

  /** Something waits in the mailbox: takes a turn soon. */
  wake(): void {
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    this.#scene.clock.soon(() => this.#step());
  }

  /** Decides nothing new until every record is acked, then calls back and goes on. */
  hold(quiet: () => void): void {
    this.#quiet.push(quiet);
    this.wake();
  }

  /** Calls `leave` once `seen` is durable and the shard was owned since this call, or `lost` if that will never be. */
  whenDurable(seen: Position, leave: () => void, lost: () => void): void {
    const { commit, leased } = this.#scene;
    if (this.#ended) return lost();
    if (!leased()) {
      // What is in flight was sent before the question; the record behind it proves what is asked.
      this.#held.push({ seen: commit.next, leave, lost });
      this.#proofWanted = true;
      return this.wake();
    }
    if (seen <= commit.acked) leave();
    else this.#held.push({ seen, leave, lost });
  }

  /** Ends the loop; what is in flight is no longer listened to. */
  end(): Turn[] {
    this.#ended = true;
    this.#scene.memory.loads.end();
    const lost = [this.#inFlight, this.#open].filter((turn) => turn !== null);
    this.#inFlight = null;
    this.#open = null;
    const held = this.#held;
    this.#held = [];
    for (const answer of held) answer.lost();
    if (this.#again !== null) this.#scene.mailbox.push(this.#again);
    this.#again = null;
    return lost;
  }

  #step(): void {
    this.#scheduled = false;
    if (this.#ended) return;
    try {
      if (this.#quiet.length === 0) this.#decide();
    } catch (error: unknown) {
      // A broken invariant: what is in memory cannot be trusted, and the command would do it again.
      return this.#scene.broken(error, this.end());
    }
    this.#send();
    this.#settleQuiet();
    const full = this.#open !== null && this.#open.bytes > TURN_BYTES_MAX;
    if (this.#more && !full && this.#quiet.length === 0) this.wake();
  }

  #decide(): void {
    const { mailbox, clock, decider, memory, outbox } = this.#scene;
    this.#more = this.#waits;
    if (!this.#more && !outbox.acksDue) return;
    const turn = (this.#open ??= this.#newTurn());
    if (turn.bytes <= TURN_BYTES_MAX) outbox.takeAcks((acked) => decider.acknowledge(acked, turn));
    const seed = clock.random32();
    const intake = !memory.actors.room.full && memory.actors.overlayBytes < OVERLAY_BYTES_MAX;
    const untilMs = clock.monotonicMs() + TURN_MS_MAX;
    for (let taken = 1; turn.bytes <= TURN_BYTES_MAX; taken++) {
      const letter = this.#again ?? this.#loaded() ?? mailbox.take(intake);
      this.#again = null;
      if (letter === undefined) {
        this.#more = false;
        return;
      }
      if (decider.decide(letter, turn, seed) === "next-turn") {
        this.#again = letter;
        return;
      }
      if (taken % TURN_CLOCK_CHECK === 0 && clock.monotonicMs() > untilMs) return;
    }
  }

  get #waits(): boolean {
    const { mailbox, memory } = this.#scene;
    return mailbox.size > 0 || this.#again !== null || memory.loads.ready;
  }

  /** What a run waits for that has its texts: ahead of the mailbox, so that they are not held for long. */
  #loaded(): Letter | undefined {
    const advance = this.#scene.memory.loads.take();
    return advance === undefined ? undefined : internal(advance);
  }

  #newTurn(): Turn {
    const { commit, clock } = this.#scene;
    // A record is never older than the one before it (DESIGN §2).
    return new Turn(commit.next, Math.max(clock.nowMs(), commit.timeMs), this.#body);
  }

  /** Sends the open turn unless an append is in flight. Within the lease one without events only answers. */
  #send(): void {
    const { commit, clock, observer, leased } = this.#scene;
    if (commit.busy) return;
    if (this.#proofWanted) this.#open ??= this.#newTurn();
    const turn = this.#open;
    if (turn === null) return;
    this.#open = null;
    if (turn.empty && !this.#proofWanted) return;
    if (turn.bytes === 0 && !this.#proofWanted && leased()) return this.#perform(turn);
    this.#proofWanted = false;
    this.#inFlight = turn;
    const sentMs = clock.monotonicMs();
    commit.append(turn.timeMs, turn.body, (outcome) => {
      if (this.#ended) return;
      this.#inFlight = null;
      if (outcome.type !== "appended") return this.#scene.fail(outcome, [turn, ...this.end()]);
      // A large record leaves first: its way to disk passes while this one's reactions are performed. A small one waits
      // for the end of this turn of the event loop, which brings more to put into it.
      if (this.#open !== null && this.#open.letters.length >= SEND_AT_ONCE_COMMANDS) this.#send();
      else this.wake();
      const { letters, events, bytes } = turn;
      observer.appended({ commands: letters.length, events: events.length, bytes, ms: clock.monotonicMs() - sentMs });
      this.#perform(turn);
      this.#settleQuiet();
    });
  }

  #perform(turn: Turn): void {
    const { memory, mailbox, performed } = this.#scene;
    performTurn(turn, memory, (letter) => mailbox.push(letter));
    this.#releaseHeld();
    performed(turn);
    if (this.#waits) this.wake();
  }

  #releaseHeld(): void {
    if (this.#held.length === 0) return;
    const { acked } = this.#scene.commit;
    const held = this.#held;
    this.#held = held.filter((answer) => answer.seen > acked);
    for (const answer of held) if (answer.seen <= acked) answer.leave();
  }

  #settleQuiet(): void {
    if (this.#quiet.length === 0 || this.#open !== null || this.#scene.commit.busy) return;
    const quiet = this.#quiet;
    this.#quiet = [];
    for (const callback of quiet) callback();
    if (this.#waits) this.wake();
  }
}
