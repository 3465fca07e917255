import { wayOf } from "@millrace/core/messages/ways.ts";
import type { JournalEvent } from "@millrace/model/run-events.ts";
import { expect } from "vitest";

/** Every child that was ordered began once, every message that was sent was applied once and in order, parents were told once. */
export function checkOnce(events: readonly JournalEvent[]): void {
  const ordered: string[] = [];
  const started: string[] = [];
  const told: string[] = [];
  for (const event of events) {
    if (event.type === "child-ordered") ordered.push(event.child);
    if (event.type === "run-started" && event.parent !== null) started.push(event.runId);
    if (event.type === "step-completed" || event.type === "attempt-failed") told.push(event.worker);
  }
  const answers = told.filter((worker) => ordered.includes(worker));
  expect(started.toSorted()).toEqual(ordered.toSorted());
  expect(new Set(answers).size).toBe(answers.length);
  const applied = numbersByWay(events, "message-applied");
  expect(applied).toEqual(numbersByWay(events, "message-sent"));
  for (const numbers of applied.values()) expect(numbers).toEqual(numbers.map((_, index) => index + 1));
}

/** The numbers of messages sent or applied, in order. */
function numbersByWay(events: readonly JournalEvent[], type: "message-sent" | "message-applied"): Map<string, number[]> {
  const ways = new Map<string, number[]>();
  for (const event of events) {
    if (event.type !== type) continue;
    const { from, to, lane } = event.type === "message-applied" ? event : wayOf(event.message);
    const name = `${from}/${to}/${lane}`;
    ways.set(name, [...(ways.get(name) ?? []), event.number]);
  }
  return ways;
}
