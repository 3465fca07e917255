import { isIP } from "node:net";
import type { Section } from "./section.ts";

/** The built-in worker. Per process. */
export interface ConnectorsConfig {
  /**
   * How many attempts the built-in worker makes at once, 1 to 10,000.
   * @default 100
   */
  readonly capacity: number;
  /**
   * Private addresses that `http` steps may call all the same, at most 100: `10.1.2.3` or a range, `10.0.0.0/8`,
   * `fd00::/8`. Public addresses are always allowed.
   * @default none
   */
  readonly httpAllow: readonly string[];
}

/** Every call compares its address with all of them. */
const HTTP_ALLOW_MAX = 100;

export function readConnectors(section: Section): ConnectorsConfig {
  return {
    capacity: section.integer("capacity", 100, { min: 1, max: 10_000 }),
    httpAllow: section.list("httpAllow", HTTP_ALLOW_MAX, {
      what: "IP addresses (10.1.2.3) or ranges (10.0.0.0/8)",
      accepts: isAddressOrRange,
    }),
  };
}

function isAddressOrRange(word: string): boolean {
  const [address = "", prefix, ...more] = word.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}
