// docs/worker-protocol.md, held against the code: its frames are frames, its limits the ones in force.
import { readFileSync } from "node:fs";
import { PAYLOAD_BYTES_MAX } from "@millrace/model/payload.ts";
import { ConnectRequest, ConnectResponse } from "@millrace/rpc/generated/millrace/v1/workers.ts";
import { REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX } from "@millrace/rpc/limits.ts";
import { expect, test } from "vitest";
import { PROGRESS_BYTES_MAX } from "./attempt.ts";
import { LOG_BYTES_MAX } from "./attempt-log.ts";
import { CREDITS_MAX } from "./connection.ts";
import { FRAME_BYTES_MAX, FRAME_RESULTS_MAX } from "./outbox.ts";

const page = readFileSync(new URL("../../../docs/worker-protocol.md", import.meta.url), "utf8");
const examples = Array.from(page.matchAll(/^```json (request|response)\n([\s\S]*?)^```$/gm), (match) => {
  const frame: unknown = JSON.parse(match[2] ?? "");
  return { side: match[1] ?? "", frame };
});

test("the page shows frames of both sides", () => {
  expect(examples.filter(({ side }) => side === "request").length).toBeGreaterThan(4);
  expect(examples.filter(({ side }) => side === "response").length).toBeGreaterThan(4);
});

test.each(examples)("a $side on the page has only fields there are: $frame", ({ side, frame }) => {
  const read: unknown =
    side === "request"
      ? ConnectRequest.toJSON(ConnectRequest.fromJSON(frame))
      : ConnectResponse.toJSON(ConnectResponse.fromJSON(frame));
  expect(spelledOut(read)).toEqual(spelledOut(frame));
});

test("payloads on the page are JSON", () => {
  const payloads = page.matchAll(/"(?:input|output|logs|progress)": "([^"]+)"/g);
  const values = Array.from(payloads, (match): unknown => JSON.parse(Buffer.from(match[1] ?? "", "base64").toString()));
  expect(values).toEqual([
    { order: 991, total: 12 },
    { charge: "ch_42" },
    [{ t: 1_772_366_400_000, level: "info", msg: "charged" }],
    { done: 40, of: 100 },
  ]);
});

test("the page states the limits in force", () => {
  const number = (value: number): string => value.toLocaleString("en-US");
  expect(page).toContain(`| open credits | ${number(CREDITS_MAX)} |`);
  expect(page).toContain(`(the SDK: ${number(FRAME_RESULTS_MAX)}, or ${FRAME_BYTES_MAX / 1024 / 1024} MiB)`);
  expect(page).toContain(`${number(REQUEST_BYTES_MAX)} bytes (4 MiB)`);
  expect(page).toContain(`${RESPONSE_BYTES_MAX / 1024 / 1024} MiB; batches`);
  expect(page).toContain(`\`payloadBytesMax\`, ${number(PAYLOAD_BYTES_MAX)} bytes`);
  expect(page).toContain(`"payloadBytesMax": ${PAYLOAD_BYTES_MAX}`);
  expect(page).toContain(`| logs of an attempt | ${LOG_BYTES_MAX / 1024} KiB`);
  expect(page).toContain(`| progress of a heartbeat | ${PROGRESS_BYTES_MAX / 1024} KiB |`);
});

/** Without what proto JSON may leave out, and with 64-bit numbers as it prefers to write them. */
function spelledOut(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spelledOut);
  if (typeof value === "number") return String(value);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, spelledOut(field)] as const);
  return Object.fromEntries(
    fields.filter(([, field]) => field !== "0" && !(Array.isArray(field) && field.length === 0)),
  );
}
