// The processes of the cluster, from their heartbeats: who is there, who seems not to be, and what they say they host.
// Owns what was heard; it decides nothing. Who is lost is a guess: safety never depends on it.
import type { Bus, BusMessage, Unsubscribe } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { nameOfProcess } from "@millrace/core/process-id.ts";
import type { Health, Member } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import type { Attention } from "./attention.ts";
import { type Beat, parseBeat } from "./beat.ts";
import { BEAT_SUBJECT } from "./subjects.ts";
import { MISSED_MS, REMEMBER_MS, SILENT_MS, WEDGED_MS } from "./timing.ts";

/** Processes remembered at a time, those that are gone included: far more than one cluster of NATS serves. */
const MEMBERS_MAX = 2048;

export interface MembersParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly attention: Attention;
  readonly process: ProcessId;
  /** A heartbeat that makes no sense came. */
  readonly malformed: (problem: string) => void;
}

interface Heard {
  readonly beat: Beat;
  /** By this process's monotonic clock. */
  readonly heardMs: number;
  /** The same in attentive time. */
  readonly noticedMs: number;
  /** How far its wall clock was ahead of this one's as it was heard, ms. */
  readonly aheadMs: number;
  /** Nobody listens where it did, since it was heard. */
  readonly isNobody: boolean;
}

export class Members {
  readonly #parts: MembersParts;
  readonly #heard = new Map<ProcessId, Heard>();
  /** Nobody listens where they would if they were there; never heard. */
  readonly #nobodies = new Set<ProcessId>();
  readonly #sinceMs: number;
  #unsubscribe: Unsubscribe = () => {};

  constructor(parts: MembersParts) {
    this.#parts = parts;
    this.#sinceMs = parts.attention.nowMs;
  }

  start(): void {
    this.#unsubscribe = this.#parts.bus.subscribe(BEAT_SUBJECT, (message) => this.#listen(message));
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** Forgets who is gone for long. To be called at every heartbeat of this process. */
  tick(): void {
    for (const process of this.#heard.keys()) if (this.silentMs(process) > REMEMBER_MS) this.#heard.delete(process);
  }

  /** What was heard last of a process, and when by this process's monotonic clock; undefined = nothing. */
  heard(process: ProcessId): { readonly beat: Beat; readonly heardMs: number } | undefined {
    return this.#heard.get(process);
  }

  /** How long a process has been silent, in time that this one listened; one never heard for all of it. */
  silentMs(process: ProcessId): number {
    return this.#parts.attention.nowMs - (this.#heard.get(process)?.noticedMs ?? this.#sinceMs);
  }

  /** Nobody listens where the process does. */
  foundNobody(process: ProcessId): void {
    const heard = this.#heard.get(process);
    if (heard !== undefined) this.#heard.set(process, { ...heard, isNobody: true });
    else if (this.#nobodies.size < MEMBERS_MAX) this.#nobodies.add(process);
  }

  health(process: ProcessId): Health {
    const heard = this.#heard.get(process);
    const silentMs = this.silentMs(process);
    if (heard === undefined) return this.#nobodies.has(process) ? "gone" : silentMs < SILENT_MS ? "live" : "silent";
    const { beat, isNobody } = heard;
    if (beat.state === "left") return "gone";
    if (isNobody && silentMs >= MISSED_MS) return "gone";
    if (silentMs >= SILENT_MS) return "silent";
    if (beat.loopAgeMs >= WEDGED_MS) return "wedged";
    return beat.state;
  }

  /** Whether it seems to be lost: its work is somebody else's soon. */
  isLost(process: ProcessId): boolean {
    const health = this.health(process);
    return health === "gone" || health === "silent";
  }

  /** Every process that was heard and is not forgotten yet, by ID. */
  list(): Member[] {
    const reference = this.#clockReference();
    const heard = [...this.#heard].toSorted(([left], [right]) => (left < right ? -1 : 1));
    return heard.map(([process, { beat, aheadMs }]) => ({
      process,
      name: nameOfProcess(process),
      roles: beat.roles,
      versions: beat.versions,
      health: this.health(process),
      clockAheadMs: aheadMs - reference,
      load: beat.load,
      hosted: beat.hosted,
    }));
  }

  /** The middle one of the clocks of all that are there; of two in the middle the one behind: records' times only grow. */
  #clockReference(): number {
    const there = [...this.#heard].filter(([process]) => !this.isLost(process));
    const aheads = there.map(([, { aheadMs }]) => aheadMs).toSorted((left, right) => left - right);
    return aheads[Math.floor((aheads.length - 1) / 2)] ?? 0;
  }

  #listen(message: BusMessage): void {
    if (message.type !== "message") return;
    const { attention, clock, process: self, malformed } = this.#parts;
    const beat = parseBeat(message.data);
    if ("problem" in beat) return malformed(beat.problem);
    const { process } = beat;
    if (process === self) attention.echo();
    const before = this.#heard.get(process);
    // One that has left does not come back, and order may have been lost on the way.
    if (before !== undefined && (before.beat.state === "left" || beat.seq <= before.beat.seq)) return;
    if (before === undefined && this.#heard.size >= MEMBERS_MAX)
      return malformed(`Process ${process} is one more than the ${MEMBERS_MAX} that are remembered.`);
    this.#nobodies.delete(process);
    this.#heard.set(process, {
      beat,
      heardMs: clock.monotonicMs(),
      noticedMs: attention.nowMs,
      aheadMs: beat.wallMs - clock.nowMs(),
      isNobody: false,
    });
  }
}
