// Connections for the tests, as a node would make them.
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { connect, type NodeConnectionOptions } from "@nats-io/transport-node";

export type Connection = NatsConnection;

/** Connects to one of these addresses, and to another whenever that is lost, for ever. */
export function connectTo(
  addresses: readonly string[],
  options: Pick<NodeConnectionOptions, "user" | "pass" | "inboxPrefix"> = {},
): Promise<Connection> {
  return connect({
    ...options,
    servers: [...addresses],
    maxReconnectAttempts: -1,
    reconnectTimeWait: 50,
    reconnectJitter: 0,
    // A frozen server keeps its connections: only its pings are missed.
    pingInterval: 500,
    maxPingOut: 2,
    waitOnFirstConnect: true,
  });
}

/** Publishes what no journal would, and resolves when the server has it. */
export async function publishAnything(
  connection: Connection,
  subject: string,
  message: { readonly data?: string; readonly headers?: Readonly<Record<string, string>> },
): Promise<void> {
  const written = headers();
  for (const [name, value] of Object.entries(message.headers ?? {})) written.set(name, value);
  await connection.request(subject, message.data, { headers: written, timeout: 5_000 });
}
