// The control of a process: its heartbeats, its lease, what it knows of the others, and the coordinator's work if it is
// the coordinator. It runs beside the event loop that does the process's work, on a thread and connections of its own, so
// that no pause of that loop looks like death. In the simulation both share a thread.
//
//   event loop ──requests──► control ◄──► bus, common memory ◄──► other processes' controls
//              ◄──news──────
//              ◄──cells────►
import type { Bus, Unsubscribe } from "@millrace/bus/bus.ts";
import type { CancelTimer, Clock } from "@millrace/clock/clock.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import type { Member } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { Attention } from "./attention.ts";
import type { Cells } from "./cells.ts";
import type { ControlNews, ControlRequest } from "./control-messages.ts";
import { Coordinator, type Layout } from "./coordinator.ts";
import { Election } from "./election.ts";
import { parseGrants } from "./grants.ts";
import { Heart, type Identity } from "./heart.ts";
import { Lease } from "./lease.ts";
import { incompatibility } from "./level.ts";
import { MapWatch } from "./map-watch.ts";
import { Members } from "./members.ts";
import { answerPings, Probe } from "./probe.ts";
import { LEASE_SUBJECT } from "./subjects.ts";
import { BEAT_MS, CLOCK_OFF_MS_MAX, LISTEN_MS } from "./timing.ts";

/** Between news of members when nothing of importance changes: their positions and loads are for people to look at. */
const REFRESH_MS = 1_000;

export interface ControlParts {
  readonly bus: Bus;
  readonly kv: Kv;
  readonly clock: Clock;
  readonly cells: Cells;
  readonly identity: Identity;
  readonly layout: Layout;
  readonly tell: (news: ControlNews) => void;
}

export class Control {
  readonly #parts: ControlParts;
  readonly #members: Members;
  readonly #mapWatch: MapWatch;
  readonly #lease: Lease;
  readonly #heart: Heart;
  readonly #election: Election;
  readonly #coordinator: Coordinator;
  readonly #probe: Probe;
  readonly #subscriptions: Unsubscribe[] = [];
  #timer: CancelTimer = () => {};
  #told = "";
  #toldMs = 0;
  #isOver = false;

  constructor(parts: ControlParts) {
    const { bus, kv, clock, cells, identity, layout, tell } = parts;
    const { process } = identity;
    const malformed = (problem: string): void => tell({ type: "malformed", problem });
    const attention = new Attention(clock);
    this.#parts = parts;
    this.#members = new Members({ bus, clock, attention, process, malformed });
    this.#mapWatch = new MapWatch(kv, (map) => tell({ type: "map", map }), malformed);
    this.#lease = new Lease(process, cells);
    this.#heart = new Heart({ bus, clock, cells, lease: this.#lease, identity });
    this.#election = new Election({
      kv,
      clock,
      attention,
      members: this.#members,
      process,
      isCandidate: identity.roles.includes("node"),
      epochMin: () => this.#mapWatch.newest?.map.epoch ?? 0,
      malformed,
    });
    this.#probe = new Probe(bus, this.#members);
    this.#coordinator = new Coordinator({
      bus,
      kv,
      clock,
      members: this.#members,
      election: this.#election,
      mapWatch: this.#mapWatch,
      probe: this.#probe,
      layout,
      malformed,
    });
  }

  /** Listens for a moment, then joins, unless this process does not fit in. */
  start(): void {
    const { bus, clock, identity, tell } = this.#parts;
    this.#members.start();
    this.#mapWatch.start();
    this.#election.start();
    this.#coordinator.start();
    this.#subscriptions.push(
      answerPings(bus, identity.process),
      bus.subscribe(LEASE_SUBJECT, (message) => {
        const grants = message.type === "message" ? parseGrants(message.data) : null;
        if (grants === null) return;
        if ("problem" in grants) tell({ type: "malformed", problem: grants.problem });
        else this.#lease.granted(grants);
      }),
      bus.onConnection((isConnected) => tell({ type: "connection", isConnected })),
    );
    tell({ type: "connection", isConnected: bus.connected });
    void this.#whenListening().then(() => {
      if (!this.#isOver) this.#timer = clock.after(LISTEN_MS, () => this.#join());
    });
  }

  heard(request: ControlRequest): void {
    switch (request.type) {
      case "hosting":
        this.#heart.hosting(request.hosted, request.load);
        break;
      case "leave":
        this.#heart.leaving();
        break;
      case "stop":
        void this.#stop();
        break;
    }
  }

  /** Resolves when everything is subscribed; tries for as long as it takes. */
  async #whenListening(): Promise<void> {
    const { bus, clock } = this.#parts;
    while (!this.#isOver) {
      try {
        await bus.settled();
        return;
      } catch {
        await new Promise<void>((resolve) => {
          clock.after(BEAT_MS, resolve);
        });
      }
    }
  }

  #join(): void {
    if (this.#isOver || this.#isRefused(this.#members.list())) return;
    this.#parts.tell({ type: "joined" });
    this.#tick();
  }

  #tick(): void {
    // Two that do not go together may have joined at once, or one without hearing the others: the later one leaves.
    if (this.#isOver || this.#isRefused(this.#members.list().filter(({ process }) => this.#isOlder(process)))) return;
    this.#timer = this.#parts.clock.after(BEAT_MS, () => this.#tick());
    this.#heart.beat();
    this.#members.tick();
    const { coordinator } = this.#election;
    if (coordinator !== null) this.#probe.ifSilent(coordinator);
    this.#election.tick();
    this.#coordinator.tick();
    this.#tellMembers();
  }

  #isOlder(process: ProcessId): boolean {
    const seq = this.#members.heard(process)?.beat.seq ?? 0;
    return seq === this.#heart.seq ? process < this.#parts.identity.process : seq > this.#heart.seq;
  }

  #isRefused(others: readonly Member[]): boolean {
    const reason = incompatibility(this.#parts.identity.versions, others);
    if (reason === null) return false;
    void this.#stop();
    this.#parts.tell({ type: "refused", reason });
    return true;
  }

  /** Tells what changed at once, and the rest (positions, loads) now and then. */
  #tellMembers(): void {
    const { clock, tell } = this.#parts;
    const members = this.#members.list();
    const { coordinator } = this.#election;
    const now = JSON.stringify([coordinator, members.map(essenceOf)]);
    if (now === this.#told && clock.monotonicMs() - this.#toldMs < REFRESH_MS) return;
    this.#told = now;
    this.#toldMs = clock.monotonicMs();
    tell({ type: "members", members, coordinator });
  }

  async #stop(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer();
    await this.#coordinator.stop();
    await this.#election.stop();
    this.#heart.farewell();
    this.#members.stop();
    this.#mapWatch.stop();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    await this.#parts.bus.settled().catch(() => {}); // Without a connection there is nobody to say good-bye to.
    this.#parts.tell({ type: "stopped" });
  }
}

/** What others act on at once. */
function essenceOf({ process, health, hosted, clockAheadMs, versions }: Member): unknown {
  const isClockOff = Math.abs(clockAheadMs) > CLOCK_OFF_MS_MAX;
  return [process, health, isClockOff, versions, hosted.map(({ shard, role, state }) => [shard, role, state])];
}
