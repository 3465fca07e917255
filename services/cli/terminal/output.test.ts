import { expect, test } from "vitest";
import { shownDuration } from "./durations.ts";
import { LiveText } from "./live-text.ts";
import { Output } from "./output.ts";

function screen(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  return { isTTY, columns, rows: 24, written, write: (text: string) => written.push(text) };
}

const FORMS = { terminal: "It is done.", plain: ["a", "b\tc\n"], json: { done: true } };

test.each([
  ["a terminal", true, false, "It is done.\n"],
  ["a pipe", false, false, "a\tb c \n"],
  ["a program", false, true, '{"done":true}\n'],
  ["a program in a terminal", true, true, '{"done":true}\n'],
])("a result for %s", (_who, isTTY, json, text) => {
  const shown = screen(isTTY);
  new Output({ json, screen: shown }).result(FORMS);
  expect(shown.written.join("")).toBe(text);
});

test("a remark is printed below for people, and apart for a pipe or a program", () => {
  const terminal = screen(true);
  new Output({ screen: terminal }).note("There is more.");
  expect(terminal.written.join("")).toContain("There is more.");
  for (const json of [true, false]) {
    const [pipe, aside] = [screen(false), screen(false)];
    new Output({ json, screen: pipe, aside }).note("There is more.");
    expect([pipe.written, aside.written]).toEqual([[], ["note: There is more.\n"]]);
  }
});

test("a table has its head in a terminal alone, and numbers to the right", () => {
  const rows = [
    ["a", 5],
    ["longer", 12],
  ] as const;
  const terminal = screen(true);
  new Output({ screen: terminal }).table(["NAME", "N"], rows);
  expect(terminal.written.join("")).toMatch(/NAME.*N.*\na {8}5\nlonger {2}12\n$/);
  const pipe = screen(false);
  new Output({ screen: pipe }).table(["NAME", "N"], rows);
  expect(pipe.written).toEqual(["a\t5\n", "longer\t12\n"]);
});

test("a terminal that does not know its width has a usual one", () => {
  expect(new Output({ screen: screen(true, 0) }).columns).toBe(100);
});

test("live text replaces the text before it, lines that wrapped included", () => {
  const window = screen(true, 10);
  const live = new LiveText(window);
  live.show("one\ntwo, which wraps");
  live.show("three");
  live.show("four");
  expect(window.written).toEqual([
    "one\ntwo, which wraps\n",
    "\u001B[3A\r\u001B[0Jthree\n",
    "\u001B[1A\r\u001B[0Jfour\n",
  ]);
});

test.each([
  [0, "0 ms"],
  [999, "999 ms"],
  [1_234, "1.23 s"],
  [12_345, "12.3 s"],
  [60_000, "1 min"],
  [125_000, "2 min 5 s"],
  [7_500_000, "2 h 5 min"],
  [30 * 86_400_000 + 4 * 3_600_000, "30 d 4 h"],
])("%i ms are shown as %s", (ms, text) => {
  expect(shownDuration(ms)).toBe(text);
});
