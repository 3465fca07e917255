import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FAILURES, REFUSALS } from "./catalogue.ts";
import { isFailureCode } from "./failure.ts";
import { isRefusalCode } from "./refusal.ts";
import { STATUSES } from "./status.ts";

const PAGES = new URL("../../docs/errors/", import.meta.url);
const CODES = [...new Set([...Object.keys(REFUSALS), ...Object.keys(FAILURES)])].sort();

/** What a code is, as its page says below its title. */
function kindOf(code: string): string {
  const kinds: string[] = [];
  if (isRefusalCode(code)) {
    const { status } = REFUSALS[code];
    kinds.push(`Refusal · gRPC \`${status}\` · HTTP ${STATUSES[status].http}`);
  }
  if (isFailureCode(code)) kinds.push(`Failure · ${FAILURES[code].class}`);
  return kinds.join("; ");
}

function firstWords(code: string): string {
  if (isRefusalCode(code)) return REFUSALS[code].message;
  return isFailureCode(code) ? FAILURES[code].message : "";
}

describe.each(CODES)("%s", (code) => {
  it("has a page that says what it is, what happened, why, and what to do", () => {
    const page = readFileSync(new URL(`${code}.md`, PAGES), "utf8");
    const [, kind, ...sections] =
      /^# (?:[A-Z_]+)\n\n(.+)\n\n## What happened\n\n(.+)\n\n## Why\n\n(.+)\n\n## What to do\n\n(.+)\n$/s.exec(page) ??
      [];
    expect(page.split("\n")[0]).toBe(`# ${code}`);
    expect(kind).toBe(kindOf(code));
    expect(sections.map((text) => text.length > 20)).toEqual([true, true, true]);
  });

  it("is worded as a sentence with a remedy", () => {
    for (const entry of [
      isRefusalCode(code) ? REFUSALS[code] : undefined,
      isFailureCode(code) ? FAILURES[code] : undefined,
    ]) {
      if (entry === undefined) continue;
      expect(entry.message).toMatch(/^[A-Z].+\.$/);
      expect("fix" in entry ? entry.fix : entry.guidance).toMatch(/^[A-Z].+\.$/);
    }
  });
});

describe("the catalogue", () => {
  it("has every page", () => {
    const pages = readdirSync(PAGES).filter((name) => name !== "README.md");
    expect(pages.sort()).toEqual(CODES.map((code) => `${code}.md`));
  });

  it("is shown whole in the table of docs/errors", async () => {
    const rows = CODES.map((code) => `| [${code}](${code}.md) | ${kindOf(code)} | ${firstWords(code)} |`);
    const table = [
      "# Errors",
      "",
      "A *refusal* answers a request that changed nothing. A *failure* is why an attempt, a step or a run failed: *transient*",
      "ones are tried again, *permanent* ones are not. Codes are stable; texts are not. Over gRPC a refusal's code is the",
      "`reason` of the status's `ErrorInfo`, with domain `millrace`; over HTTP it is in the same place of the JSON body.",
      "Workers report failures with codes of their own, which are not listed here.",
      "",
      "| code | what it is | what happened |",
      "|---|---|---|",
      ...rows,
      "",
    ].join("\n");
    await expect(table).toMatchFileSnapshot("../../docs/errors/README.md");
  });

  it("I9: asks callers to come back wherever waiting can help", () => {
    for (const { status, retryDelayMs } of Object.values(REFUSALS)) {
      expect(retryDelayMs > 0).toBe(status === "RESOURCE_EXHAUSTED" || status === "UNAVAILABLE");
    }
  });
});
