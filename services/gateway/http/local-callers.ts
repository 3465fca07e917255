// Who may call a server on loopback: a page in a browser reaches it, too, under a name of its own that it lets resolve to
// 127.0.0.1 (DNS rebinding). So on loopback only local names count, and pages of other origins are turned away.
import { isIPv4 } from "node:net";

/** What a request says of where it goes and where it comes from. */
export interface Caller {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** Why a request to a loopback address is refused; undefined = it is not. */
export function strangerAtLoopback({ host, origin }: Caller): string | undefined {
  if (host === undefined || !isLocal(hostName(host)))
    return `The Host header ${JSON.stringify(host ?? "")} names no local address; call localhost or 127.0.0.1.`;
  if (origin === undefined) return undefined;
  const from = URL.canParse(origin) ? new URL(origin).hostname : "";
  if (isLocal(from)) return undefined;
  return `Pages of ${JSON.stringify(origin)} may not call a server on loopback; call it from a program instead.`;
}

/** Whether an address to listen on can be reached from this machine only. */
export function isLoopback(address: string): boolean {
  return isLocal(address.includes(":") ? `[${address}]` : address);
}

function isLocal(name: string): boolean {
  return name === "localhost" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}

/** The name in `name:port`, in lower case; an IPv6 address keeps its brackets. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, "").toLowerCase();
}
