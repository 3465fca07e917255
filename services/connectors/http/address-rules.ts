// Which addresses the connector may call: the public internet on web ports, and what the operator allows beyond that, but
// never Millrace itself.
import { networkInterfaces } from "node:os";
import ipaddr from "ipaddr.js";

type Address = ReturnType<typeof ipaddr.process>;

/** What an operator's entry allows: an address, a network or a name, on one port or on all. */
type Rule =
  | { readonly type: "network"; readonly network: ReturnType<typeof ipaddr.parseCIDR>; readonly port: number | null }
  | { readonly type: "name"; readonly name: string; readonly port: number | null };

/** Where a connection would go. */
export interface Destination {
  /** As in the URL, lower case, without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Public by range, but the way to a cloud's metadata from inside it (Azure's wire server). */
const METADATA_ADDRESSES: ReadonlySet<string> = new Set(["168.63.129.16"]);

/** Ports below 1,024 belong to mail, shells and the like, which a crafted request could talk to; these speak HTTP. */
const LOW_PORTS: ReadonlySet<number> = new Set([80, 443]);

/** Most entries of an allow-list: every connection goes through them. */
export const ALLOW_ENTRIES_MAX = 1_000;

/** Rules made of an allow-list. Throws RangeError for an entry that is none. */
export class AddressRules {
  readonly #rules: readonly Rule[];
  readonly #ownPorts: readonly number[];

  /**
   * @param allow `10.0.0.0/8`, `127.0.0.1`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `service.internal`
   * @param ownPorts ports of this machine that stay closed whatever is allowed
   */
  constructor(allow: readonly string[], ownPorts: readonly number[] = []) {
    if (allow.length > ALLOW_ENTRIES_MAX) throw new RangeError(`allow has over ${ALLOW_ENTRIES_MAX} entries.`);
    this.#rules = allow.map(parseRule);
    this.#ownPorts = ownPorts;
  }

  /** Why a connection must not be made; undefined = it may. `address` is what the host name resolved to. */
  refuses(destination: Destination, address: string): string | undefined {
    if (!ipaddr.isValid(address)) return `${address} is not an address`;
    // `process` unwraps IPv4-mapped IPv6 addresses: ::ffff:127.0.0.1 is 127.0.0.1.
    const parsed = ipaddr.process(address);
    if (this.#ownPorts.includes(destination.port) && isThisMachine(parsed)) {
      return `port ${destination.port} of this machine is Millrace's own`;
    }
    if (this.#rules.some((rule) => allows(rule, destination, parsed))) return undefined;
    const range = METADATA_ADDRESSES.has(parsed.toString()) ? "metadata" : parsed.range();
    if (range !== "unicast") return `${parsed.toString()} is not a public address (${range})`;
    const { port } = destination;
    return port < 1_024 && !LOW_PORTS.has(port) ? `port ${port} is reserved for something other than HTTP` : undefined;
  }
}

function allows(rule: Rule, { hostname, port }: Destination, address: Address): boolean {
  if (rule.port !== null && rule.port !== port) return false;
  if (rule.type === "name") return rule.name === hostname;
  return address.kind() === rule.network[0].kind() && address.match(rule.network);
}

/** Asked for Millrace's own ports alone, so that the system's list of addresses need not be kept, and is never out of date. */
function isThisMachine(address: Address): boolean {
  // 0.0.0.0 and :: lead to whoever listens here.
  if (address.range() === "loopback" || address.range() === "unspecified") return true;
  const bytes = bytesOf(address);
  return Object.values(networkInterfaces()).some((own) =>
    own?.some((at) => bytesOf(ipaddr.process(at.address)) === bytes),
  );
}

/** Without the zone of a link-local address. */
function bytesOf(address: Address): string {
  return address.toByteArray().join(".");
}

function parseRule(entry: string): Rule {
  const match =
    /^(?:\[(?<bracketed>[0-9a-fA-F:.]+)\]|(?<plain>[^[\]:]+)|(?<bare>[0-9a-fA-F:.]+(?:\/\d+)?))(?::(?<port>\d{1,5}))?$/.exec(
      entry,
    );
  // A bare IPv6 address is all colons: it never has a port, which is what brackets are for.
  const whole = ipaddr.isValid(entry) || ipaddr.isValidCIDR(entry);
  const host = whole ? entry : (match?.groups?.["bracketed"] ?? match?.groups?.["plain"]);
  if (host === undefined) throw badEntry(entry);
  const port = whole || match?.groups?.["port"] === undefined ? null : Number(match.groups["port"]);
  if (port !== null && (port < 1 || port > 65_535)) throw badEntry(entry);
  if (ipaddr.isValidCIDR(host)) return { type: "network", network: ipaddr.parseCIDR(host), port };
  if (ipaddr.isValid(host)) {
    const address = ipaddr.process(host);
    return { type: "network", network: [address, address.kind() === "ipv4" ? 32 : 128], port };
  }
  if (!/^[a-z0-9._-]+$/i.test(host)) throw badEntry(entry);
  return { type: "name", name: host.toLowerCase(), port };
}

function badEntry(entry: string): RangeError {
  return new RangeError(
    `allow has the entry "${entry}"; it must be an address, a network such as 10.0.0.0/8, or a host name, with :port or without.`,
  );
}
