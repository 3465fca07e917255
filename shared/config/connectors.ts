import { isIP, isIPv4, isIPv6 } from "node:net";
import type { Section } from "./section.ts";

/** The built-in worker. Per process. */
export interface ConnectorsConfig {
  /**
   * How many attempts the built-in worker makes at once, 1 to 10,000.
   * @default 100
   */
  readonly capacity: number;
  /**
   * Private addresses that `http` steps may call all the same, at most 100: one port of an address (`10.1.2.3:8080`,
   * `[::1]:8080`), all its ports (`10.1.2.3`), or a range (`10.0.0.0/8`, `fd00::/8`). Name the port wherever the address
   * has services that are none of a workflow's business, as loopback has. Public addresses are always allowed, ports of
   * this server never.
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
      what: "IP addresses with a port (10.1.2.3:8080, [::1]:8080) or without (10.1.2.3), and ranges (10.0.0.0/8)",
      accepts: (word) => isAddressWithPort(word) || isAddressOrRange(word),
    }),
  };
}

function isAddressWithPort(word: string): boolean {
  const { ipv4, ipv6, port } =
    /^(?:(?<ipv4>[\d.]+)|\[(?<ipv6>[\da-f:.]+)\]):(?<port>\d{1,5})$/i.exec(word)?.groups ?? {};
  return (isIPv4(ipv4 ?? "") || isIPv6(ipv6 ?? "")) && Number(port) >= 1 && Number(port) <= 65_535;
}

function isAddressOrRange(word: string): boolean {
  const [address = "", prefix, ...more] = word.split("/");
  const version = address.includes("%") ? 0 : isIP(address);
  if (version === 0 || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128));
}
