import { hash } from "node:crypto";
import type { TenantId } from "@millrace/model/ids.ts";

export const KEY_HASH_BYTES = 16;

/**
 * 16 bytes that stand for a tenant's idempotency key: entries of one small size whatever the key's. Of SHA-256, so that
 * nobody can make two keys meet on purpose; by chance it takes 10^17 keys a day for one pair in a thousand days.
 */
export function hashOfKey(tenant: TenantId, key: string): Buffer {
  return Buffer.from(hash("sha256", `${tenant}/${key}`, "buffer").subarray(0, KEY_HASH_BYTES));
}
