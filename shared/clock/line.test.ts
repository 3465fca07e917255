import { describe, expect, test } from "vitest";
import { Line } from "./line.ts";
import { VirtualClock } from "./virtual.ts";

function aLine(): { clock: VirtualClock; line: Line<string>; arrived: string[] } {
  const clock = new VirtualClock(1);
  const arrived: string[] = [];
  return { clock, line: new Line<string>(clock, (item) => void arrived.push(item)), arrived };
}

describe("a line", () => {
  test("brings everything in order, each not before its time", async () => {
    const { clock, line, arrived } = aLine();
    line.send("slow", 1, 10);
    line.send("quick", 2, 0);
    expect([arrived, line.bytes]).toEqual([[], 3]);
    await clock.advance(9);
    expect(arrived).toEqual([]);
    await clock.advance(1);
    expect([arrived, line.bytes]).toEqual([["slow", "quick"], 0]);
    line.send("later", 1, 5);
    line.send("last", 1, 7);
    await clock.advance(5);
    expect(arrived.at(-1)).toBe("later");
    await clock.run();
    expect(arrived.at(-1)).toBe("last");
  });

  test("keeps what is under way while it is halted, and loses it when it is cleared", async () => {
    const { clock, line, arrived } = aLine();
    line.send("kept", 1, 5);
    line.halt();
    line.send("kept, too", 1, 0);
    await clock.advance(60_000);
    expect([arrived, line.bytes]).toEqual([[], 2]);
    line.go();
    line.go();
    await clock.run();
    expect(arrived).toEqual(["kept", "kept, too"]);
    line.send("lost", 1, 5);
    line.clear();
    line.send("new", 1, 5);
    await clock.run();
    expect([arrived.at(-1), arrived.length, line.bytes]).toEqual(["new", 3, 0]);
  });

  test("goes on behind an arrival that throws, halts it or clears it", async () => {
    const clock = new VirtualClock(1);
    const arrived: string[] = [];
    const line: Line<string> = new Line(clock, (item) => {
      arrived.push(item);
      if (item === "throw") throw new Error("thrown on arrival");
      if (item === "halt") line.halt();
      if (item === "clear") line.clear();
    });
    for (const item of ["throw", "halt", "clear", "cleared"]) line.send(item, 1, 0);
    expect(() => clock.step()).toThrow("thrown on arrival");
    await clock.run();
    expect(arrived).toEqual(["throw", "halt"]);
    line.go();
    await clock.run();
    expect(arrived).toEqual(["throw", "halt", "clear"]);
  });
});
