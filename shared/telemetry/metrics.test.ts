import { describe, expect, test } from "vitest";
import { createMetrics, TASK_TYPE_LABELS_MAX } from "./metrics.ts";

describe("metrics", () => {
  test("expose what was counted, with samples taken at that moment", async () => {
    const metrics = createMetrics();
    metrics.runsStarted.inc(3);
    metrics.runsEnded.inc({ status: "completed" }, 2);
    metrics.turnSeconds.observe(0.0003);
    let depth = 1;
    const unsample = metrics.sample(() => {
      metrics.mailboxDepth.set({ shard: "0" }, depth);
    });
    depth = 42;
    const text = await metrics.expose();
    expect(text).toContain("millrace_runs_started_total 3");
    expect(text).toContain('millrace_runs_ended_total{status="completed"} 2');
    expect(text).toContain('millrace_turn_duration_seconds_bucket{le="0.0005"} 1');
    expect(text).toContain('millrace_mailbox_depth{shard="0"} 42');
    unsample();
    depth = 43;
    expect(await metrics.expose()).toContain('millrace_mailbox_depth{shard="0"} 42');
  });

  test("of two processes in one do not mix", async () => {
    const first = createMetrics();
    const second = createMetrics();
    first.runsStarted.inc();
    expect(await second.expose()).toContain("millrace_runs_started_total 0");
  });

  test("give a label to the fullest task queues only, and lose no task of the others", async () => {
    const metrics = createMetrics();
    const depths = new Map(
      Array.from({ length: TASK_TYPE_LABELS_MAX + 10 }, (_, index) => [`type-${String(index)}`, index + 1]),
    );
    metrics.setTaskQueueDepths(depths);
    const text = await metrics.expose();
    expect(text.match(/^millrace_task_queue_depth\{/gm)).toHaveLength(TASK_TYPE_LABELS_MAX + 1);
    expect(text).toContain('millrace_task_queue_depth{task_type="other"} 55');
    metrics.setTaskQueueDepths(new Map([["http", 4]]));
    expect((await metrics.expose()).match(/^millrace_task_queue_depth\{.*$/gm)).toEqual([
      'millrace_task_queue_depth{task_type="http"} 4',
    ]);
  });

  test("follow the naming rules: prefix, unit last, help that ends as a sentence, no unbounded label", async () => {
    const text = await createMetrics().expose();
    const names = [...text.matchAll(/^# TYPE (?<name>\S+) (?<type>\S+)$/gm)];
    expect(names.length).toBeGreaterThan(15);
    for (const [, name, type] of names) {
      expect(name).toMatch(/^millrace_[a-z_]+$/);
      expect(name?.endsWith("_total")).toBe(type === "counter");
    }
    for (const [, help] of text.matchAll(/^# HELP \S+ (?<help>.*)$/gm)) expect(help).toMatch(/\.$/);
    expect(text).not.toMatch(/run_id|tenant/);
  });
});
