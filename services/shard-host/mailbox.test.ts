import { runId, tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { describe, expect, it } from "vitest";
import { Mailbox } from "./mailbox.ts";
import { internal } from "./reactions.ts";

const RUN = runId("0000000z000000000000");

function letter(type: "start" | "pause" | "timer-due", tenant = "t") {
  const to = { tenant: tenantId(tenant), runId: RUN };
  const start: RunCommand = {
    ...{ type: "start", ...to, workflow: workflowName("w"), version: 1, input: json("1") },
    ...{ idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
  };
  return internal(type === "start" ? start : type === "pause" ? { type, ...to, reason: "" } : { type, ...to });
}

function filled(counts: { start?: number; pause?: number; house?: number }): Mailbox {
  const mailbox = new Mailbox();
  for (let index = 0; index < (counts.start ?? 0); index++) mailbox.push(letter("start"));
  for (let index = 0; index < (counts.pause ?? 0); index++) mailbox.push(letter("pause"));
  for (let index = 0; index < (counts.house ?? 0); index++) mailbox.push(letter("timer-due"));
  return mailbox;
}

function taken(mailbox: Mailbox, count: number, starts = true): Record<string, number> {
  const types: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const next = mailbox.take(starts)?.command.type ?? "nothing";
    types[next] = (types[next] ?? 0) + 1;
  }
  return types;
}

describe("the lanes", () => {
  it("I7: housekeeping takes a quarter while others wait, starts a quarter, progress the rest", () => {
    expect(taken(filled({ start: 100, pause: 100, house: 100 }), 80)).toEqual({
      pause: 40,
      start: 20,
      "timer-due": 20,
    });
  });

  it("share what an empty one leaves, progress first", () => {
    expect(taken(filled({ start: 100, house: 100 }), 80)).toEqual({ start: 60, "timer-due": 20 });
    expect(taken(filled({ house: 100 }), 80)).toEqual({ "timer-due": 80 });
  });

  it("I9: leave starts where they are while there is no room for runs", () => {
    const mailbox = filled({ start: 10, pause: 3, house: 3 });
    expect(taken(mailbox, 8, false)).toEqual({ pause: 3, "timer-due": 3, nothing: 2 });
    expect([mailbox.size, mailbox.starts]).toEqual([10, 10]);
    expect(taken(mailbox, 10)).toEqual({ start: 10 });
  });
});

it("I7: a tenant's burst holds up another's letters by one turn of its own at most", () => {
  const mailbox = new Mailbox();
  for (let index = 0; index < 1_000; index++) mailbox.push(letter("pause", "noisy"));
  mailbox.push(letter("pause", "quiet"));
  const tenants = Array.from({ length: 20 }, () => mailbox.take(true)?.command.tenant);
  expect(tenants.indexOf(tenantId("quiet"))).toBeGreaterThanOrEqual(0);
});

it("gives everything out when it is drained", () => {
  const mailbox = filled({ start: 3, pause: 2, house: 1 });
  expect(mailbox.drain()).toHaveLength(6);
  expect(mailbox.size).toBe(0);
});
