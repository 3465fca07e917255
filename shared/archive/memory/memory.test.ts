import { VirtualClock } from "@millrace/clock/virtual.ts";
import { describe, expect, test } from "vitest";
import { ArchiveFull } from "../archive.ts";
import { type ArchiveCall, MemoryArchive } from "./memory-archive.ts";

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Buffer.from(text));
}

describe("the memory archive", () => {
  test("answers by its clock alone", async () => {
    const clock = new VirtualClock(1);
    const archive = new MemoryArchive(clock);
    archive.latencyMs = 10;
    const stored = archive.put("a", once("x"));
    const began = clock.nowMs();
    await clock.advance(9);
    const listed = archive.list("");
    await clock.advance(1);
    expect(await stored).toEqual({ name: "a", bytes: 1, storedMs: began + 10 });
    await clock.advance(9);
    expect(await listed).toHaveLength(1);
  });

  test("I9: refuses what does not fit, keeps what it has, and takes more when there is room", async () => {
    const clock = new VirtualClock(1);
    const archive = new MemoryArchive(clock);
    archive.bytesMax = 10;
    const run = async <Value>(promise: Promise<Value>): Promise<Value> => {
      const settled = promise.finally(() => {});
      settled.catch(() => {});
      await clock.run();
      return await settled;
    };
    await run(archive.put("a", once("12345678")));
    await expect(run(archive.put("b", once("123")))).rejects.toThrow(ArchiveFull);
    await run(archive.put("a", once("1234567890")));
    await run(archive.drop("a"));
    expect(await run(archive.put("b", once("123")))).toMatchObject({ bytes: 3 });
    expect(await run(archive.list(""))).toHaveLength(1);
  });

  test("fails as it is told to, and a put that failed has stored nothing", async () => {
    const clock = new VirtualClock(1);
    const archive = new MemoryArchive(clock);
    const calls: ArchiveCall[] = [];
    archive.fault = (call) => {
      calls.push(call);
      return call.method === "put" ? new Error("out of reach") : null;
    };
    const put = archive.put("a", once("x"));
    const listed = archive.list("");
    const refused = expect(put).rejects.toThrow("out of reach");
    await clock.run();
    await refused;
    expect(await listed).toEqual([]);
    expect(calls.toSorted((left, right) => (left.method < right.method ? -1 : 1))).toEqual([
      { method: "list", name: "" },
      { method: "put", name: "a" },
    ]);
  });
});
