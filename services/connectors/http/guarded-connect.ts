import { lookup as systemLookup } from "node:dns";
import { isIP } from "node:net";
import { buildConnector } from "undici";
import type { AddressRules } from "./address-rules.ts";

/** Resolves a host name to all its addresses; throws what the resolver says. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>;

/** The URL leads where the connector may not go. */
export class AddressRefusedError extends Error {}

/** How many addresses of one name are tried, in the resolver's order. */
const ADDRESSES_TRIED_MAX = 4;

/** How long one connection may take to come about, ms. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens sockets to allowed addresses alone. A name is resolved once and the connection goes to the very address that was
 * checked, so that a second answer of the name server (DNS rebinding) changes nothing.
 */
export function guardedConnect(
  rules: AddressRules,
  resolveHost: ResolveHost = resolveBySystem,
): buildConnector.connector {
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS, allowH2: false });
  return (options, callback) => {
    allowedAddresses(rules, resolveHost, options).then(
      (addresses) => connectToFirst(connect, { options, addresses, next: 0 }, callback),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}

async function allowedAddresses(
  rules: AddressRules,
  resolveHost: ResolveHost,
  { hostname, port, protocol }: buildConnector.Options,
): Promise<readonly string[]> {
  const destination = { hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
  const addresses = isIP(hostname) === 0 ? await resolveHost(hostname) : [hostname];
  const refusals = new Map(addresses.map((address) => [address, rules.refuses(destination, address)]));
  const allowed = addresses.filter((address) => refusals.get(address) === undefined);
  if (allowed.length > 0) return allowed.slice(0, ADDRESSES_TRIED_MAX);
  throw new AddressRefusedError([...refusals.values()].join("; ") || `${hostname} has no address`);
}

interface Attempt {
  readonly options: buildConnector.Options;
  readonly addresses: readonly string[];
  readonly next: number;
}

function connectToFirst(connect: buildConnector.connector, attempt: Attempt, callback: buildConnector.Callback): void {
  const { options, addresses, next } = attempt;
  const address = addresses[next];
  if (address === undefined) throw new Error("There is no address left to connect to.");
  // `host` stays the name in the URL: it is what TLS certificates are checked against.
  connect({ ...options, hostname: address }, (error, socket) => {
    if (error === null) callback(null, socket);
    else if (next + 1 < addresses.length) connectToFirst(connect, { ...attempt, next: next + 1 }, callback);
    else callback(error, null);
  });
}

function resolveBySystem(hostname: string): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => {
      if (error === null) resolve(addresses.map(({ address }) => address));
      else reject(error);
    });
  });
}
