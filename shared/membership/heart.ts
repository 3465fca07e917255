import type { Bus } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { HostedShard, ProtocolVersions, Role } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { type Beat, printBeat } from "./beat.ts";
import type { Cells } from "./cells.ts";
import type { Lease } from "./lease.ts";
import { BEAT_SUBJECT } from "./subjects.ts";

/** Who this process is. */
export interface Identity {
  readonly process: ProcessId;
  readonly roles: readonly Role[];
  readonly versions: ProtocolVersions;
}

export interface HeartParts {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly cells: Cells;
  readonly lease: Lease;
  readonly identity: Identity;
}

/** Says what this process is and does, as long as it lives. */
export class Heart {
  readonly #parts: HeartParts;
  #seq = 0;
  #state: Beat["state"] = "live";
  #hosted: readonly HostedShard[] = [];
  #load = 0;

  constructor(parts: HeartParts) {
    this.#parts = parts;
  }

  /** How many heartbeats there were. */
  get seq(): number {
    return this.#seq;
  }

  hosting(hosted: readonly HostedShard[], load: number): void {
    this.#hosted = hosted;
    this.#load = load;
  }

  /** Says so from the next heartbeat on. */
  leaving(): void {
    this.#state = "leaving";
  }

  beat(): void {
    const { bus, clock, cells, lease, identity } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#seq++;
    lease.sending(this.#seq, nowMs);
    bus.publish(
      BEAT_SUBJECT,
      printBeat({
        ...identity,
        seq: this.#seq,
        state: this.#state,
        loopAgeMs: Math.max(0, nowMs - cells.lastTurnMs),
        wallMs: clock.nowMs(),
        load: this.#load,
        hosted: this.#hosted,
      }),
    );
  }

  /** The last heartbeat: what this process held is free. */
  farewell(): void {
    this.#parts.lease.giveUp();
    this.#state = "left";
    this.#hosted = [];
    this.beat();
  }
}
