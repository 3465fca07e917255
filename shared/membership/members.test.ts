import { MemoryBus } from "@millrace/bus/memory/hub.ts";
import { VirtualClock } from "@millrace/clock/virtual.ts";
import { processId } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import { Attention } from "./attention.ts";
import { type Beat, printBeat } from "./beat.ts";
import { Members } from "./members.ts";
import { BEAT_SUBJECT } from "./subjects.ts";
import { BEAT_MS, MISSED_MS, REMEMBER_MS, SILENT_MS, WEDGED_MS } from "./timing.ts";

const SELF = processId("self-00000000");
const OTHER = processId("other-00000000");

class World {
  readonly clock = new VirtualClock(1);
  readonly bus = new MemoryBus(this.clock).connect("self");
  readonly attention = new Attention(this.clock);
  readonly problems: string[] = [];
  readonly members: Members;
  readonly #seqs = new Map<string, number>();

  constructor() {
    const malformed = (problem: string): void => void this.problems.push(problem);
    this.members = new Members({
      bus: this.bus,
      clock: this.clock,
      attention: this.attention,
      process: SELF,
      malformed,
    });
    this.members.start();
  }

  beat(change: Partial<Beat> = {}): void {
    const process = change.process ?? SELF;
    const seq = (this.#seqs.get(process) ?? 0) + 1;
    this.#seqs.set(process, seq);
    const beat: Beat = {
      process,
      roles: ["node"],
      seq,
      state: "live",
      loopAgeMs: 0,
      wallMs: this.clock.nowMs(),
      versions: { min: 1, max: 1 },
      load: 0,
      hosted: [],
      ...change,
    };
    this.bus.publish(BEAT_SUBJECT, printBeat(beat));
  }

  /** Lets time pass in which this process's own heart beats. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= BEAT_MS) {
      this.beat();
      await this.clock.advance(Math.min(BEAT_MS, leftMs));
    }
  }
}

describe("members", () => {
  test("live while they are heard, are silent after a while, and are forgotten in the end", async () => {
    const world = new World();
    world.beat({ process: OTHER });
    await world.pass(SILENT_MS - BEAT_MS);
    expect(world.members.health(OTHER)).toBe("live");
    await world.pass(2 * BEAT_MS);
    expect([world.members.health(OTHER), world.members.isLost(OTHER)]).toEqual(["silent", true]);
    world.beat({ process: OTHER });
    await world.pass(BEAT_MS);
    expect(world.members.health(OTHER)).toBe("live");
    await world.pass(REMEMBER_MS + BEAT_MS);
    world.members.tick();
    expect(world.members.list().map(({ process }) => process)).toEqual([SELF]);
  });

  test("are gone when nobody listens where they did, once they miss heartbeats", async () => {
    const world = new World();
    world.beat({ process: OTHER });
    await world.pass(BEAT_MS);
    world.members.foundNobody(OTHER);
    expect(world.members.health(OTHER)).toBe("live");
    await world.pass(MISSED_MS);
    expect(world.members.health(OTHER)).toBe("gone");
    world.beat({ process: OTHER });
    await world.pass(BEAT_MS);
    expect(world.members.health(OTHER)).toBe("live");
  });

  test("that were never heard count as there for as long as others would, unless nobody listens", async () => {
    const world = new World();
    expect(world.members.health(OTHER)).toBe("live");
    await world.pass(SILENT_MS + BEAT_MS);
    expect(world.members.health(OTHER)).toBe("silent");
    world.members.foundNobody(OTHER);
    expect(world.members.health(OTHER)).toBe("gone");
    expect(world.members.list()).toHaveLength(1);
  });

  test("do not fall silent while this process stands still, or hears not even itself", async () => {
    const world = new World();
    world.beat({ process: OTHER });
    await world.pass(BEAT_MS);
    await world.clock.advance(10_000);
    expect(world.members.health(OTHER)).toBe("live");
    await world.pass(2 * BEAT_MS);
    expect(world.members.health(OTHER)).toBe("live");
  });

  test("are gone for good once they say so, whatever else arrives", async () => {
    const world = new World();
    world.beat({ process: OTHER, state: "left" });
    world.beat({ process: OTHER, state: "live" });
    await world.pass(BEAT_MS);
    expect(world.members.health(OTHER)).toBe("gone");
  });

  test("are taken at their newest word", async () => {
    const world = new World();
    world.beat({ process: OTHER, seq: 5, state: "leaving" });
    world.beat({ process: OTHER, seq: 4, state: "live" });
    await world.pass(BEAT_MS);
    expect(world.members.health(OTHER)).toBe("leaving");
  });

  test("are wedged when their event loop does not turn", async () => {
    const world = new World();
    world.beat({ process: OTHER, loopAgeMs: WEDGED_MS });
    await world.pass(BEAT_MS);
    expect([world.members.health(OTHER), world.members.isLost(OTHER)]).toEqual(["wedged", false]);
  });

  test("have their clocks compared with the middle one, of two with the one behind", async () => {
    const world = new World();
    const nowMs = world.clock.nowMs();
    world.beat({ process: OTHER, wallMs: nowMs + 7_000 });
    world.beat();
    await world.clock.advance(1);
    const aheads = (): number[] => world.members.list().map(({ clockAheadMs }) => Math.round(clockAheadMs / 1_000));
    expect(aheads()).toEqual([7, 0]);
    world.beat({ process: processId("third-00000000"), wallMs: nowMs + 7_000 });
    await world.clock.advance(1);
    expect(aheads()).toEqual([0, -7, 0]);
  });

  test("I8: that make no sense are told of and left out", async () => {
    const world = new World();
    world.bus.publish(BEAT_SUBJECT, new TextEncoder().encode("{}"));
    await world.pass(BEAT_MS);
    expect(world.problems).toEqual(["process is missing, but must be a process ID."]);
    expect(world.members.list()).toHaveLength(1);
  });
});
