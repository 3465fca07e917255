import { describe, expect, it } from "vitest";
import { standardSecretFault } from "./standard-webhooks.ts";

const KEY = Buffer.alloc(24, 7).toString("base64");

describe("a Standard Webhooks secret", () => {
  it.each([KEY, `whsec_${KEY}`, `whsec_${Buffer.alloc(64, 1).toString("base64")}`])("is sound: %s", (secret) => {
    expect(standardSecretFault(secret)).toBeUndefined();
  });

  it.each(["whsec_", "whsec_!!!", "my pass phrase, which is long enough", "whsec_c2hvcnQ="])(
    "cannot be guessed, so not %s",
    (secret) => {
      expect(standardSecretFault(secret)).toMatch(/base64|bytes/);
      expect(standardSecretFault(secret)).not.toContain(secret.replace("whsec_", "") || "?");
    },
  );
});
