// Does what docs/nats.md says.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@millrace/config/config.ts";
import { expect, test } from "vitest";
import { journalStream, kvStream, natsNames, objectStream } from "./names.ts";
import { NATS_ROLES, permissionsOf, permissionsText } from "./permissions.ts";
import type { NatsSettings } from "./settings.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/nats.md"), "utf8");
const NAMES = natsNames("millrace");

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map((match) => match[1] ?? "");
}

test("the page's configurations are accepted, and are what a connection takes", () => {
  const texts = blocks("yaml");
  expect(texts.length).toBeGreaterThan(0);
  for (const text of texts) {
    const outcome = readConfig({ file: { name: "millrace.yaml", text }, environment: {}, flags: {} });
    if (outcome.type === "problems") throw new Error(outcome.problems.map(({ message }) => message).join("\n"));
    const settings: NatsSettings = { ...outcome.config.nats, name: "node" };
    expect(settings.servers).not.toEqual([]);
  }
});

// After a change, the block is what the message says was received.
test.each(NATS_ROLES)("the page shows the permissions of a %s as they are", (role) => {
  const text = permissionsText(permissionsOf([role], NAMES, 1));
  expect(blocks("text")).toContain(`${text}\n`);
});

test("the page names what there is on the servers", () => {
  for (const name of [
    journalStream(NAMES, 0),
    NAMES.blobStream,
    kvStream(NAMES.kvBucket),
    objectStream(NAMES.archiveBucket),
    NAMES.registryStream,
    `${NAMES.bus}.>`,
    `${NAMES.inbox}.>`,
  ]) {
    expect(PAGE).toContain(`\`${name}\``);
  }
});
