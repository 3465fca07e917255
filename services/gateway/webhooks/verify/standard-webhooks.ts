// Standard Webhooks: `webhook-signature` lists signatures `v1,<base64>` of `<id>.<timestamp>.<body>` by HMAC-SHA-256.
import { createHmac } from "node:crypto";
import { equalSignatures } from "./equal-signatures.ts";
import { DELIVERY_ID_CHARACTERS_MAX, type Delivery, forged, type Verification } from "./verification.ts";

const SECRET_PREFIX = "whsec_";
const VERSION_PREFIX = "v1,";
const TIMESTAMP = /^[0-9]{1,12}$/;

/** Signatures looked at: one a secret in a rotation, and room. */
const SIGNATURES_MAX = 16;

/** When it is, and how old or early a delivery may be. */
export interface ReplayWindow {
  readonly nowMs: number;
  readonly toleranceMs: number;
}

/** Any of the signatures by any of the secrets will do. */
export function verifyStandardWebhooks(
  delivery: Delivery,
  secrets: readonly string[],
  window: ReplayWindow,
): Verification {
  const deliveryId = delivery.headers["webhook-id"] ?? "";
  const timestamp = delivery.headers["webhook-timestamp"] ?? "";
  const listed = delivery.headers["webhook-signature"] ?? "";
  if (deliveryId === "" || timestamp === "" || listed === "") {
    return forged("The headers webhook-id, webhook-timestamp and webhook-signature are needed.");
  }
  if (deliveryId.length > DELIVERY_ID_CHARACTERS_MAX) return forged("webhook-id is too long.");
  if (!TIMESTAMP.test(timestamp)) return forged("webhook-timestamp is no number of seconds.");
  if (Math.abs(window.nowMs - Number(timestamp) * 1_000) > window.toleranceMs) {
    return forged(`webhook-timestamp is more than ${window.toleranceMs / 1_000} s from now.`);
  }
  const signatures = listed
    .split(" ", SIGNATURES_MAX)
    .filter((signature) => signature.startsWith(VERSION_PREFIX))
    .map((signature) => Buffer.from(signature.slice(VERSION_PREFIX.length), "base64"));
  let genuine = false;
  // Everything is tried, so that the time does not say which one matched.
  for (const secret of secrets) {
    const wanted = createHmac("sha256", keyOf(secret))
      .update(`${deliveryId}.${timestamp}.`)
      .update(delivery.body)
      .digest();
    for (const signature of signatures) if (equalSignatures(signature, wanted)) genuine = true;
  }
  if (!genuine) return forged("No signature in webhook-signature matches the body.");
  return { type: "genuine", deliveryId, event: "", headers: ["webhook-id"] };
}

/** The fewest bytes of a key, as the specification says. A shorter one, above all an empty one, could be guessed. */
const KEY_BYTES_MIN = 24;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** What is wrong with a secret, in words that do not give it away; undefined = nothing. */
export function standardSecretFault(secret: string): string | undefined {
  const encoded = secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret;
  if (!BASE64.test(encoded)) return "is not base64, with or without whsec_ before it";
  const { length } = keyOf(secret);
  return length < KEY_BYTES_MIN
    ? `has ${length} bytes; a Standard Webhooks key has ${KEY_BYTES_MIN} at least`
    : undefined;
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.startsWith(SECRET_PREFIX) ? secret.slice(SECRET_PREFIX.length) : secret, "base64");
}
