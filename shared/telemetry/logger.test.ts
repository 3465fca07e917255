import { runId, tenantId } from "@millrace/model/ids.ts";
import { describe, expect, test } from "vitest";
import type { Log, LogLevel } from "./logger.ts";
import { createLog } from "./logger.ts";

/** A log and the lines it wrote, parsed. */
function capture(level: LogLevel): { log: Log; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => {
      const parsed: Record<string, unknown> = JSON.parse(line);
      lines.push(parsed);
    },
  };
  return { log: createLog({ service: "gateway", level, destination }), lines };
}

describe("log", () => {
  test("writes one JSON line with time, level, service and fields", () => {
    const { log, lines } = capture("info");
    log.info("Accepted", { runId: runId("r1"), tenant: tenantId("acme"), attempt: 2 });
    expect(lines).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        service: "gateway",
        runId: "r1",
        tenant: "acme",
        attempt: 2,
        message: "Accepted",
      },
    ]);
  });

  test("adds standing fields to every line", () => {
    const { log, lines } = capture("debug");
    log.with({ shard: 3 }).with({ term: 7 }).warn("Fenced");
    expect(lines[0]).toMatchObject({ level: "warn", shard: 3, term: 7, message: "Fenced" });
  });

  test("writes an error with its cause", () => {
    const { log, lines } = capture("info");
    log.error("Broken", { error: new Error("outer", { cause: new Error("inner") }) });
    expect(lines[0]?.["error"]).toMatchObject({ type: "Error", message: "outer", cause: { message: "inner" } });
  });

  test("keeps below its level to itself", () => {
    const { log, lines } = capture("warn");
    log.debug("no");
    log.info("no");
    log.warn("yes");
    expect(lines.map((line) => line["message"])).toEqual(["yes"]);
  });
});
