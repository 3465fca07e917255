// Decides, from the seed, what goes wrong and when. It owns which fault is armed; the world carries it out.
import type { CancelTimer } from "@millrace/clock/clock.ts";
import type { Prng } from "@millrace/clock/prng.ts";
import type { VirtualClock } from "@millrace/clock/virtual.ts";
import type { MemoryFault } from "@millrace/journal/memory/log.ts";
import type { RunId } from "@millrace/model/ids.ts";
import type { BlobRef } from "@millrace/model/payload.ts";
import type { SliceOutcome } from "@millrace/store/store.ts";
import { between, pick, weighted } from "../choice.ts";
import type { Coverage } from "../coverage.ts";
import type { Disk } from "../server.ts";
import type { Passage } from "./faulty-link.ts";
import type { BlobFate } from "./tapped-blobs.ts";

/** Where a process dies next. */
type CrashAt = "write" | "slice before" | "slice after" | "flush" | "read" | "claim";

/** What chaos does to the world. */
export interface Victim {
  readonly clock: VirtualClock;
  readonly disks: readonly Disk[];
  readonly coverage: Coverage;
  trace(line: string): void;
  /** The process dies after the current step. Of the write under way this many bytes stay. */
  crash(name: string, bytesKept: number): void;
  /** Another process takes the journals while the old one lives on. */
  usurp(): void;
  stop(): void;
  hurtWorker(): void;
  burst(): void;
  register(): void;
  /** A blob of the run is gone for ever. */
  lostBlob(runId: RunId): void;
}

const BETWEEN_FAULTS_MS_MAX = 2_200;
const WALL_OFFSET_MS_MAX = 10_000;
/** How long something stays full, slow or delayed. */
const SPELL_MS_MAX = 4_000;

export class Chaos {
  readonly #victim: Victim;
  readonly #prng: Prng;
  #crashAt: CrashAt | null = null;
  #claimFault: MemoryFault | null = null;
  #sliceFault: SliceOutcome | null = null;
  #blobFault: "unreadable" | "slow" | "lost" | null = null;
  readonly #lostBlobs = new Set<string>();
  #wallOffsetMs = 0;
  #next: CancelTimer | null = null;
  #isOver = false;

  constructor(victim: Victim, prng: Prng) {
    this.#victim = victim;
    this.#prng = prng;
  }

  begin(): void {
    this.#next = this.#victim.clock.after(between(this.#prng, 100, BETWEEN_FAULTS_MS_MAX), () => {
      this.#strike();
      if (!this.#isOver) this.begin();
    });
  }

  /** Nothing goes wrong from now on. */
  end(): void {
    this.#isOver = true;
    this.#next?.();
    this.#crashAt = null;
    this.#claimFault = null;
    this.#sliceFault = null;
    this.#blobFault = null;
    for (const { log } of this.#victim.disks) {
      log.isFull = false;
      log.latencyMs = 0;
      log.failNext(null);
      log.release();
    }
  }

  // What the taps ask.

  sending(disk: Disk, frame: Uint8Array, isClaim: boolean): void {
    if (this.#isOver) return;
    if (isClaim && this.#claimFault !== null) {
      this.#victim.coverage.count("fault: claim unknown");
      disk.log.failNext(this.#claimFault);
      this.#claimFault = null;
    }
    if (this.#crashAt !== (isClaim ? "claim" : "write")) return;
    this.#crashAt = null;
    if (isClaim) return this.#victim.crash("crash in recovery", pick(this.#prng, [0, 30, frame.length]));
    const mode = pick(this.#prng, ["before", "in", "after"] as const);
    const kept = mode === "before" ? 0 : mode === "after" ? frame.length : between(this.#prng, 1, frame.length - 1);
    this.#victim.crash(`crash ${mode} a write`, kept);
  }

  slice(when: "before" | "after"): void {
    if (this.#crashAt === `slice ${when}`) this.#crash(`crash ${when} a slice`);
  }

  flushing(): void {
    if (this.#crashAt === "flush") this.#crash("crash before a flush");
  }

  reading(): void {
    if (this.#crashAt === "read" && this.#prng.chance(0.3)) this.#crash("crash in recovery");
  }

  sliceOutcome(): SliceOutcome {
    const outcome = this.#sliceFault;
    if (outcome === null) return { type: "written" };
    this.#victim.coverage.count(`fault: store ${outcome.type}`);
    return outcome;
  }

  /** What becomes of a message between shards, or of its answer. */
  passage(of: "message" | "answer"): Passage {
    if (this.#isOver || this.#prng.chance(0.85)) return { type: "passes" };
    const type = pick(this.#prng, ["lost", "twice", "late"] as const);
    this.#victim.coverage.count(`fault: ${of} ${type}`);
    return type === "late" ? { type, delayMs: this.#prng.below(SPELL_MS_MAX) } : { type };
  }

  /** What becomes of a read of a blob. One that is lost stays so. */
  blobRead(runId: RunId, { sha256 }: BlobRef): BlobFate {
    const fault = this.#blobFault;
    const blob = `${runId}/${sha256}`;
    if (fault === "lost" && !this.#lostBlobs.has(blob)) {
      this.#lostBlobs.add(blob);
      this.#blobFault = null;
      this.#victim.lostBlob(runId);
    }
    if (fault !== null) this.#victim.coverage.count(`fault: blob ${fault}`);
    if (fault === "unreadable") return { type: fault, delayMs: 0 };
    const delayMs = fault === "slow" ? this.#prng.below(SPELL_MS_MAX) : 0;
    return { type: this.#lostBlobs.has(blob) ? "lost" : "read", delayMs };
  }

  #crash(name: string): void {
    this.#crashAt = null;
    this.#victim.crash(name, pick(this.#prng, [0, 0, 50, Number.MAX_SAFE_INTEGER]));
  }

  #strike(): void {
    const victim = this.#victim;
    const kind = weighted(this.#prng, [
      ["crash", 6],
      ["append", 8],
      ["full", 2],
      ["slow", 2],
      ["store", 2],
      ["clock", 3],
      ["usurp", 1],
      ["stop", 1],
      ["worker", 8],
      ["register", 1],
      ["burst", 1],
      ["blobs", 3],
    ]);
    switch (kind) {
      case "crash":
        return this.#armCrash();
      case "append":
        return this.#armAppend();
      case "full":
        return this.#spell("disk full", (disk, isOn) => {
          disk.log.isFull = isOn;
        });
      case "slow":
        return this.#spell("acks slow", (disk, isOn) => {
          disk.log.latencyMs = isOn ? between(this.#prng, 1, 60) : 0;
        });
      case "store":
        return this.#armStore();
      case "clock":
        return this.#jump();
      case "usurp":
        return victim.usurp();
      case "stop":
        return victim.stop();
      case "worker":
        return victim.hurtWorker();
      case "register":
        return victim.register();
      case "burst":
        return this.#prng.chance(0.3) ? victim.burst() : undefined;
      case "blobs":
        return this.#armBlobs();
    }
  }

  #armCrash(): void {
    if (this.#prng.chance(0.1)) return this.#victim.crash("crash at rest", 0);
    this.#crashAt = weighted<CrashAt>(this.#prng, [
      ["write", 6],
      ["slice before", 4],
      ["slice after", 4],
      ["flush", 3],
      ["read", 1],
      ["claim", 1],
    ]);
    this.#victim.trace(`a crash is armed: ${this.#crashAt}`);
    // One in recovery needs a crash before it.
    if (this.#crashAt === "read" || this.#crashAt === "claim") this.#victim.crash("crash at rest", 0);
  }

  #armAppend(): void {
    const { coverage, clock } = this.#victim;
    const disk = pickDisk(this.#prng, this.#victim.disks);
    if (this.#prng.chance(0.1)) {
      this.#claimFault = { type: "unknown", written: this.#prng.chance(0.5) };
      return this.#victim.crash("crash at rest", 0);
    }
    const fault = pick<MemoryFault>(this.#prng, [
      { type: "lose" },
      { type: "delay" },
      { type: "tear", bytes: between(this.#prng, 1, 400) },
      { type: "duplicate" },
      { type: "unknown", written: true },
      { type: "unknown", written: false },
      { type: "stale" },
      { type: "full" },
    ]);
    disk.log.failNext(fault);
    coverage.count(`fault: append ${nameOf(fault)}`);
    this.#victim.trace(`the next append is to end ${nameOf(fault)}`);
    if (fault.type === "delay") clock.after(between(this.#prng, 10, SPELL_MS_MAX), () => disk.log.release());
  }

  #armStore(): void {
    this.#sliceFault = this.#prng.chance(0.6) ? { type: "full" } : { type: "failed", reason: "on demand" };
    this.#victim.clock.after(this.#prng.below(SPELL_MS_MAX), () => {
      this.#sliceFault = null;
    });
  }

  #armBlobs(): void {
    this.#blobFault = pick(this.#prng, ["unreadable", "slow", "lost"]);
    this.#victim.trace(`blobs are ${this.#blobFault} for a while`);
    this.#victim.clock.after(this.#prng.below(2 * SPELL_MS_MAX), () => {
      this.#blobFault = null;
    });
  }

  #spell(name: string, set: (disk: Disk, isOn: boolean) => void): void {
    const disk = pickDisk(this.#prng, this.#victim.disks);
    this.#victim.coverage.count(`fault: ${name}`);
    this.#victim.trace(`${name} for a while`);
    set(disk, true);
    this.#victim.clock.after(this.#prng.below(SPELL_MS_MAX), () => set(disk, false));
  }

  #jump(): void {
    const deltaMs = between(this.#prng, -4_000, 4_000);
    if (Math.abs(this.#wallOffsetMs + deltaMs) > WALL_OFFSET_MS_MAX) return;
    this.#wallOffsetMs += deltaMs;
    this.#victim.coverage.count(deltaMs < 0 ? "fault: clock back" : "fault: clock forward");
    this.#victim.trace(`the clock jumps by ${deltaMs} ms`);
    this.#victim.clock.jumpWall(deltaMs);
  }
}

function pickDisk(prng: Prng, disks: readonly Disk[]): Disk {
  const disk = disks[prng.below(disks.length)];
  if (disk === undefined) throw new Error("A world has at least one disk.");
  return disk;
}

function nameOf(fault: MemoryFault): string {
  switch (fault.type) {
    case "lose":
      return "lost";
    case "delay":
      return "delayed";
    case "tear":
      return "torn";
    case "duplicate":
      return "duplicated";
    case "unknown":
      return fault.written ? "unknown, written" : "unknown, not written";
    default:
      return fault.type;
  }
}
