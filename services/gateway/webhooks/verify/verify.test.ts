// Our verifiers against other people's signers, over real bodies.

import { createRequire } from "node:module";
import { sign } from "@octokit/webhooks-methods";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { verifyGithub } from "./github.ts";
import { verifyStandardWebhooks } from "./standard-webhooks.ts";

/** The first real body of each kind of event. */
const EVENTS: readonly { readonly examples: readonly unknown[] }[] = createRequire(import.meta.url)(
  "@octokit/webhooks-examples",
);
const BODIES = EVENTS.map(({ examples: [example] }) => JSON.stringify(example));

describe("github", () => {
  const headers = (signature: string) => ({
    "x-hub-signature-256": signature,
    "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    "x-github-event": "push",
  });

  it("takes what GitHub's own library signs, with any of the active secrets", async () => {
    for (const body of BODIES) {
      const delivery = { headers: headers(await sign("new secret", body)), body: Buffer.from(body) };
      expect(verifyGithub(delivery, ["old secret", "new secret"])).toMatchObject({
        type: "genuine",
        deliveryId: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        event: "push",
      });
      expect(verifyGithub(delivery, ["old secret"]).type).toBe("forged");
    }
  });

  it("takes no body but the signed one, to the byte", async () => {
    const body = BODIES[0] ?? "";
    const signed = headers(await sign("secret", body));
    fc.assert(
      fc.property(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(body);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        expect(verifyGithub({ headers: signed, body: bytes }, ["secret"]).type).toBe("forged");
      }),
      { numRuns: 50 },
    );
  });

  it.each<[string, Record<string, string>]>([
    ["no signature", { "x-hub-signature-256": "" }],
    ["a signature of the old kind", { "x-hub-signature-256": `sha1=${"0".repeat(40)}` }],
    ["a short signature", { "x-hub-signature-256": "sha256=00" }],
    ["no delivery ID", { "x-github-delivery": "" }],
    ["an endless delivery ID", { "x-github-delivery": "d".repeat(1_000) }],
  ])("refuses %s", async (_name, over) => {
    const signed = headers(await sign("secret", "{}"));
    expect(verifyGithub({ headers: { ...signed, ...over }, body: Buffer.from("{}") }, ["secret"]).type).toBe("forged");
  });
});

describe("standard webhooks", () => {
  const SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;
  const OTHER = `whsec_${Buffer.from("another secret altogether").toString("base64")}`;
  const NOW_MS = 1_767_225_600_000;
  const window = { nowMs: NOW_MS, toleranceMs: 300_000 };

  const signed = (body: string, sentMs = NOW_MS, secret = SECRET) => ({
    headers: {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(sentMs / 1_000)),
      "webhook-signature": new Webhook(secret).sign("msg_1", new Date(sentMs), body),
    },
    body: Buffer.from(body),
  });

  it("takes what the scheme's own library signs", () => {
    for (const body of BODIES) {
      expect(verifyStandardWebhooks(signed(body), [OTHER, SECRET], window)).toMatchObject({
        type: "genuine",
        deliveryId: "msg_1",
      });
      expect(verifyStandardWebhooks(signed(body), [OTHER], window).type).toBe("forged");
    }
  });

  it("takes one good signature among several", () => {
    const delivery = signed("{}");
    const listed = ["v1a,AAAA", "v1,AAAA", delivery.headers["webhook-signature"]].join(" ");
    const several = { ...delivery, headers: { ...delivery.headers, "webhook-signature": listed } };
    expect(verifyStandardWebhooks(several, [SECRET], window).type).toBe("genuine");
  });

  it.each([
    [-300_000, "genuine"],
    [300_000, "genuine"],
    [-301_000, "forged"],
    [301_000, "forged"],
  ])("judges a delivery %d ms from now as %s", (offMs, type) => {
    expect(verifyStandardWebhooks(signed("{}", NOW_MS + offMs), [SECRET], window).type).toBe(type);
  });

  it.each<[string, Record<string, string>]>([
    ["another ID", { "webhook-id": "msg_2" }],
    ["another time", { "webhook-timestamp": String(NOW_MS / 1_000 + 1) }],
    ["no time", { "webhook-timestamp": "soon" }],
    ["no signature", { "webhook-signature": "" }],
    ["a signature without a version", { "webhook-signature": "AAAA" }],
  ])("refuses %s", (_name, over) => {
    const delivery = signed("{}");
    const changed = { ...delivery, headers: { ...delivery.headers, ...over } };
    expect(verifyStandardWebhooks(changed, [SECRET], window).type).toBe("forged");
  });
});
