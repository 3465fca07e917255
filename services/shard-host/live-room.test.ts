import { tenantId } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import { ACTORS_MAX, LIVE_BYTES_MAX } from "./limits.ts";
import { LiveRoom } from "./live-room.ts";

const LOUD = tenantId("loud");
const QUIET = tenantId("quiet");

function filled(runs: number, bytesEach: number): LiveRoom {
  const room = new LiveRoom();
  for (let run = 0; run < runs; run++) room.enter(LOUD, bytesEach);
  return room;
}

describe("room for live runs", () => {
  it("I9: is full by count, and by bytes of a few large runs", () => {
    expect(filled(ACTORS_MAX - 1, 1).full).toBe(false);
    expect(filled(ACTORS_MAX, 1).full).toBe(true);
    const large = filled(15, LIVE_BYTES_MAX / 16);
    expect(large.full).toBe(false);
    large.grow(LOUD, LIVE_BYTES_MAX / 16);
    expect(large.full).toBe(true);
    expect(large.refuses(QUIET)).toMatch(/MiB are under way/);
  });

  it("I7: what one tenant has taken does not turn another away before all is full", () => {
    const room = filled(ACTORS_MAX * 0.9, 1);
    room.enter(QUIET, 1);
    expect(room.refuses(LOUD)).toMatch(/of this tenant/);
    expect(room.refuses(QUIET)).toBeNull();
    expect(room.refuses(tenantId("new"))).toBeNull();
  });

  it("belongs to a single tenant as long as there is no other", () => {
    expect(filled(ACTORS_MAX * 0.9, 1).refuses(LOUD)).toBeNull();
  });

  it("is given back", () => {
    const room = filled(ACTORS_MAX, 10);
    room.leave(LOUD, 10);
    expect(room.full).toBe(false);
  });
});
