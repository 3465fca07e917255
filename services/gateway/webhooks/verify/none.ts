import { DELIVERY_ID_CHARACTERS_MAX, type Delivery, forged, type Verification } from "./verification.ts";

/** Anyone may send. An `idempotency-key` header, if there is one, names the delivery. */
export function verifyNone(delivery: Delivery): Verification {
  const deliveryId = delivery.headers["idempotency-key"] ?? "";
  if (deliveryId.length > DELIVERY_ID_CHARACTERS_MAX) return forged("Idempotency-Key is too long.");
  return { type: "genuine", deliveryId, event: "", headers: [] };
}
