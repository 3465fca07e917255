import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { type Account, accountLine, accountTable } from "./account.ts";
import { parseHosted } from "./cluster-node.ts";
import { Screen } from "./screen.ts";

const ACCOUNT: Account = {
  atMs: 12_345,
  nodes: [
    { name: "node-1", hosted: { owns: 3, standsBy: 1 } },
    { name: "node-2", hosted: undefined },
  ],
  started: 1_234,
  ended: 1_200,
  startedPerSecond: 39.6,
  endedPerSecond: 41.2,
  longestWaitMs: 1_250,
};

function terminal() {
  const written: string[] = [];
  return { isTTY: true, columns: 40, written, write: (text: string) => written.push(text) };
}

test("an account is one line for a pipe", () => {
  expect(accountLine(ACCOUNT)).toBe("  12.3 s  node-1 3+1  node-2 away  started 40/s  ended 41/s  longest wait 1.3 s");
});

test("an account is a table for a terminal", () => {
  const table = accountTable(ACCOUNT, new Screen(terminal()));
  expect(stripVTControlCharacters(table).split("\n")).toEqual([
    "",
    "  NODE    OWNS  STANDS BY  SHARDS",
    "  node-1  3     1          ■■■□",
    "  node-2  away",
    "  12 s: started 1,234 (40/s), ended 1,200 (41/s), longest wait 1.3 s",
  ]);
});

test("a terminal's account is painted over, as many rows as it took, and stays below what is said", () => {
  const stream = terminal();
  const screen = new Screen(stream);
  screen.show(`${"a".repeat(41)}\nb`);
  screen.say("said");
  expect(stream.written).toEqual([
    `${"a".repeat(41)}\nb\n`,
    "\u001B[3A\r\u001B[0J",
    "said\n",
    `${"a".repeat(41)}\nb\n`,
  ]);
});

test("what is kept is not painted over", () => {
  const stream = terminal();
  const screen = new Screen(stream);
  screen.show("a");
  screen.keep();
  screen.say("said");
  expect(stream.written).toEqual(["a\n", "said\n"]);
});

test("only shards that are ready count as hosted", () => {
  const page = [
    'millrace_shards_hosted{role="owner",state="ready"} 2',
    'millrace_shards_hosted{role="owner",state="opening"} 5',
    'millrace_shards_hosted{role="standby",state="closing"} 1',
  ].join("\n");
  expect(parseHosted(page)).toEqual({ owns: 2, standsBy: 0 });
});
