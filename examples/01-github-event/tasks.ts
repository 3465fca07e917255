import { setTimeout as work } from "node:timers/promises";
import type { Worker } from "@millrace/sdk/worker/worker.ts";

interface Issue {
  readonly title: string;
  readonly action: string;
}

interface Push {
  readonly commits: readonly string[];
}

interface Notice {
  readonly to: string;
  readonly about: string;
}

/** How long a notice seems to take: this and up to as much again, ms. */
const NOTICE_MS = 20;

/** The task types of this workflow. A handler gets a step's input and returns its output. */
export function handleGithubEvent(worker: Worker): void {
  worker.handle<Issue>("examples.triage", ({ title, action }, ctx) => {
    const label = /\b(?:bug|fail|error|crash|spelling)\b/i.test(title) ? "bug" : "question";
    // Lines logged here are kept with the attempt: `millrace run timeline <run> --json` shows them.
    ctx.log.info("labelled", { title, action, label });
    return { label };
  });
  worker.handle<Push>("examples.changelog", ({ commits }) => ({ lines: commits.map((message) => `- ${message}`) }));
  worker.handle<Notice>("examples.notify", async ({ to, about }, ctx) => {
    await work(NOTICE_MS + ((ctx.item * 7) % NOTICE_MS), undefined, { signal: ctx.signal });
    // A mail or chat service would be handed ctx.idempotencyKey: a second attempt then sends no second notice.
    return { to, about, channel: ctx.item % 2 === 0 ? "mail" : "chat" };
  });
}
