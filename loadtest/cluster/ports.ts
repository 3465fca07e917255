import { freePort, isFree } from "@millrace/testing/free-port.ts";

export const MEMBERS = 3;

/** What one node of Millrace and one NATS server listen on. */
export interface MemberPorts {
  readonly grpc: number;
  readonly http: number;
  readonly nats: number;
  readonly monitor: number;
  readonly route: number;
}

/** Beside those of a server on its own, 7400 to 7402, which may run as well. */
export const PORT_FIRST = 7410;
export const PORTS = 5 * MEMBERS;

/** Ports in a row from `first`, or any free ones if that is 0. Rejects when one of them is taken. */
export async function demoPorts(first: number): Promise<readonly MemberPorts[]> {
  const ports = first === 0 ? await anyPorts() : Array.from({ length: PORTS }, (_, index) => first + index);
  for (const port of ports) {
    if (!(await isFree(port)))
      throw new Error(
        `Port ${port} of 127.0.0.1 is in use: another make cluster may be running. Stop what uses it, or take other ports: npx node loadtest/cluster/main.ts --port ${first + 100}`,
      );
  }
  return Array.from({ length: MEMBERS }, (_, member) => {
    const [grpc = 0, http = 0, nats = 0, monitor = 0, route = 0] = ports.filter((_port, at) => at % MEMBERS === member);
    return { grpc, http, nats, monitor, route };
  });
}

async function anyPorts(): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < PORTS) ports.add(await freePort());
  return [...ports];
}
