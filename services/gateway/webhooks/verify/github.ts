// GitHub: X-Hub-Signature-256 holds the hex HMAC-SHA-256 of the raw body. The delivery's ID is not signed, so a replay
// under another ID is not told apart; GitHub's scheme has no replay window.
import { createHmac } from "node:crypto";
import { equalSignatures } from "./equal-signatures.ts";
import { DELIVERY_ID_CHARACTERS_MAX, type Delivery, forged, type Verification } from "./verification.ts";

const SIGNATURE = /^sha256=([0-9a-f]{64})$/;

/** Any of the secrets may have signed. */
export function verifyGithub(delivery: Delivery, secrets: readonly string[]): Verification {
  const header = delivery.headers["x-hub-signature-256"];
  if (header === undefined) return forged("The header X-Hub-Signature-256 is missing.");
  const given = SIGNATURE.exec(header)?.[1];
  if (given === undefined) return forged("X-Hub-Signature-256 is not sha256= and 64 hex digits.");
  const deliveryId = delivery.headers["x-github-delivery"] ?? "";
  if (deliveryId === "") return forged("The header X-GitHub-Delivery is missing.");
  if (deliveryId.length > DELIVERY_ID_CHARACTERS_MAX) return forged("X-GitHub-Delivery is too long.");
  const signature = Buffer.from(given, "hex");
  let genuine = false;
  // All secrets are tried, so that the time does not say which one matched.
  for (const secret of secrets) {
    const wanted = createHmac("sha256", secret).update(delivery.body).digest();
    if (equalSignatures(signature, wanted)) genuine = true;
  }
  if (!genuine) return forged("X-Hub-Signature-256 does not match the body.");
  const event = delivery.headers["x-github-event"] ?? "";
  return { type: "genuine", deliveryId, event, headers: ["x-github-event", "x-github-delivery", "x-github-hook-id"] };
}
