// Connections of a test, closed with it.
import { closeNats, connectNats, type NatsClient } from "../connect.ts";
import type { NatsProblem } from "../problem.ts";
import type { NatsSettings } from "../settings.ts";

/** Settings for servers at these addresses, that want no login and no TLS. */
export function settingsFor(servers: readonly string[], changed: Partial<NatsSettings> = {}): NatsSettings {
  return { servers, name: "test", prefix: "test", login: null, tls: null, ...changed };
}

/** A connection, closed at the end of the block. */
export interface TestClient extends NatsClient, AsyncDisposable {}

export async function connectTo(
  servers: readonly string[],
  changed: Partial<NatsSettings> = {},
  report?: (problem: NatsProblem) => void,
): Promise<TestClient> {
  const client = await connectNats(settingsFor(servers, changed), report);
  return { ...client, [Symbol.asyncDispose]: () => closeNats(client) };
}
