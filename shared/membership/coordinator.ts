// What the holder of the seat does: it grants leases, and writes where shards are to be. It keeps nothing that its
// successor would miss: all it knows it hears from heartbeats and reads from the map.
//
// 1. Nothing is taken from a process before its lease is over, by this coordinator's grants (`#leaseOverMs`) and by its
//    predecessor's, for which a new one waits (`#calmFromMs`); or before it let go, which is the new owner's to see to.
// 2. Whoever seems lost, and whoever hangs, is granted nothing.
// 3. It acts only within its tenure.
import type { Bus, Unsubscribe } from "@millrace/bus/bus.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import type { PlacementNode, Standing } from "@millrace/core/placement/board.ts";
import { initialMap } from "@millrace/core/placement/initial-map.ts";
import { place } from "@millrace/core/placement/place.ts";
import type { Kv } from "@millrace/kv/kv.ts";
import type { ClusterMap, Member } from "@millrace/model/cluster.ts";
import type { ProcessId } from "@millrace/model/ids.ts";
import { parseDrainRequest, printDrainOutcome } from "./drain-request.ts";
import { setDraining } from "./edit-map.ts";
import type { Election, Tenure } from "./election.ts";
import { printGrants } from "./grants.ts";
import type { MapWatch } from "./map-watch.ts";
import { MapWriter } from "./map-writer.ts";
import type { Members } from "./members.ts";
import type { Probe } from "./probe.ts";
import { DRAIN_SUBJECT, LEASE_SUBJECT, SUSPECT_SUBJECT } from "./subjects.ts";
import { parseSuspicion } from "./suspicion.ts";
import { CLOCK_OFF_MS_MAX, LEASE_MS, MARGIN_MS } from "./timing.ts";

/** What a cluster begins with. Its map is made once; later values of these change nothing. */
export interface Layout {
  readonly shards: number;
  readonly streams: number;
}

export interface CoordinatorParts {
  readonly bus: Bus;
  readonly kv: Kv;
  readonly clock: Clock;
  readonly members: Members;
  readonly election: Election;
  readonly mapWatch: MapWatch;
  readonly probe: Probe;
  readonly layout: Layout;
  readonly malformed: (problem: string) => void;
}

/** What a coordinator keeps for one tenure. */
interface Ledger {
  readonly tenure: Tenure;
  readonly writer: MapWriter;
  /** From when on owners may be changed: no lease of a predecessor's is left. */
  readonly calmFromMs: number;
  /** When each process's lease is over at the latest. */
  readonly leaseOverMs: Map<ProcessId, number>;
  /** Since when processes are gone. */
  readonly goneSinceMs: Map<ProcessId, number>;
}

export class Coordinator {
  readonly #parts: CoordinatorParts;
  #ledger: Ledger | null = null;
  #subscriptions: readonly Unsubscribe[] = [];

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
  }

  start(): void {
    const { bus } = this.#parts;
    this.#subscriptions = [
      bus.subscribe(SUSPECT_SUBJECT, (message) => {
        if (message.type === "message" && this.#parts.election.tenure !== null) this.#suspect(message.data);
      }),
      bus.subscribe(DRAIN_SUBJECT, (message) => {
        if (message.type === "message" && this.#parts.election.tenure !== null)
          this.#drain(message.data, message.reply);
      }),
    ];
  }

  /** Ends the tenure, if there is one, once nothing of it is under way. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    const ledger = this.#ledger;
    this.#ledger = null;
    await ledger?.writer.settled();
  }

  /** To be called at every heartbeat. */
  tick(): void {
    const ledger = this.#currentLedger();
    if (ledger === null) return;
    const { mapWatch, clock, probe, layout } = this.#parts;
    const { writer } = ledger;
    if (!writer.isSealed) {
      if (!writer.isWriting) writer.seal(initialMap(layout.shards, layout.streams));
      return;
    }
    const map = mapWatch.newest?.map;
    if (map === undefined) return;
    const nodes = this.#nodes(ledger, map);
    for (const { process, standing } of nodes) if (standing !== "gone") probe.ifSilent(process);
    // Before the map changes: leases granted on the terms of a map that is still on its way are of no use to anybody.
    this.#grant(ledger);
    if (!writer.isWriting && clock.monotonicMs() >= ledger.calmFromMs)
      writer.change(place(map, nodes, clock.monotonicMs()));
  }

  /** Looks at once whether an owner is there whom somebody misses. */
  #suspect(data: Uint8Array): void {
    const suspicion = parseSuspicion(data);
    if ("problem" in suspicion) return this.#parts.malformed(suspicion.problem);
    const shard = this.#parts.mapWatch.newest?.map.shards.find(({ id }) => id === suspicion.shard);
    if (shard !== undefined && shard.owner !== null) this.#parts.probe.now(shard.owner);
  }

  #drain(data: Uint8Array, reply: string): void {
    const { bus, kv, malformed } = this.#parts;
    const request = parseDrainRequest(data);
    if ("problem" in request) return malformed(request.problem);
    void setDraining(kv, request.name, request.isDraining).then((outcome) => {
      if (reply !== "") bus.publish(reply, printDrainOutcome(outcome));
    });
  }

  #currentLedger(): Ledger | null {
    const { tenure } = this.#parts.election;
    if (tenure === null) return null;
    if (this.#ledger?.tenure.epoch === tenure.epoch) return this.#ledger;
    this.#ledger = {
      tenure,
      writer: new MapWriter(this.#parts, tenure.epoch),
      calmFromMs: tenure.predecessorUntilMs + LEASE_MS + 2 * MARGIN_MS,
      leaseOverMs: new Map(),
      goneSinceMs: new Map(),
    };
    return this.#ledger;
  }

  /** Grants every process that is well its lease, as of the newest heartbeat heard of it. */
  #grant({ tenure, writer, leaseOverMs }: Ledger): void {
    const { members, bus } = this.#parts;
    const seqs = new Map<ProcessId, number>();
    for (const { process, roles, health } of members.list()) {
      const heard = members.heard(process);
      if (heard === undefined || !roles.includes("node") || (health !== "live" && health !== "leaving")) continue;
      seqs.set(process, heard.beat.seq);
      // It was sent before it was heard.
      leaseOverMs.set(process, heard.heardMs + LEASE_MS + MARGIN_MS);
    }
    bus.publish(LEASE_SUBJECT, printGrants({ epoch: tenure.epoch, mapVersion: writer.presumedVersion, seqs }));
  }

  /** Every process that hosts shards, or is to. */
  #nodes(ledger: Ledger, map: ClusterMap): PlacementNode[] {
    const nodes = this.#parts.members.list().filter(({ roles }) => roles.includes("node"));
    const known = new Set(nodes.map(({ process }) => process));
    const strangers = new Set<ProcessId>();
    for (const { owner, standby } of map.shards)
      for (const process of [owner, standby]) if (process !== null && !known.has(process)) strangers.add(process);
    for (const process of ledger.goneSinceMs.keys())
      if (!known.has(process) && !strangers.has(process)) {
        ledger.goneSinceMs.delete(process);
        ledger.leaseOverMs.delete(process);
      }
    return [
      ...nodes.map((member) => this.#node(ledger, member.process, member)),
      ...[...strangers].map((process) => this.#node(ledger, process, null)),
    ];
  }

  #node({ leaseOverMs, goneSinceMs }: Ledger, process: ProcessId, member: Member | null): PlacementNode {
    const nowMs = this.#parts.clock.monotonicMs();
    const health = this.#parts.members.health(process);
    const isFarewell = this.#parts.members.heard(process)?.beat.state === "left";
    const hosted = member?.hosted ?? [];
    let standing: Standing = "fading";
    if (isFarewell) standing = "gone";
    else if (health === "gone" || health === "silent" || health === "wedged")
      standing = nowMs >= (leaseOverMs.get(process) ?? 0) ? "gone" : "fading";
    else if (health === "leaving") standing = "leaving";
    else if (member !== null) standing = Math.abs(member.clockAheadMs) > CLOCK_OFF_MS_MAX ? "unfit" : "fit";
    if (standing !== "gone") goneSinceMs.delete(process);
    else if (!goneSinceMs.has(process)) goneSinceMs.set(process, nowMs);
    return { process, standing, goneSinceMs: goneSinceMs.get(process) ?? nowMs, hosted };
  }
}
