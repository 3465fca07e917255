// A ledger on real servers, with a connection for each handle that a test can lose an answer on.
import { closeNats, connectNats, type NatsClient } from "@millrace/nats/connect.ts";
import { readStored } from "@millrace/nats/stored.ts";
import { startTcpProxy, type TcpProxy } from "@millrace/testing/tcp-proxy.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import type { Ledger } from "../../ledger.ts";
import type { LedgerRig } from "../../ledger-conformance.ts";
import { openJetStreamLedger } from "../ledger.ts";

export function clientOf(servers: readonly string[]): Promise<NatsClient> {
  return connectNats({ servers, name: "test", prefix: "test", login: null, tls: null });
}

/** Handles over wires of their own to the servers in turn; `shut` ends the servers. */
export async function ledgerRig(
  servers: readonly string[],
  replicas: 1 | 3,
  shut: () => Promise<void>,
): Promise<LedgerRig> {
  const stack = new AsyncDisposableStack();
  stack.defer(shut);
  const wires = await Promise.all(servers.map(async (server) => stack.use(await startTcpProxy(server))));
  const handles: Ledger[] = [];
  const observer = await clientOf(servers);
  stack.defer(() => closeNats(observer));
  const loss = new Loss(wires);
  observer.connection.subscribe(observer.names.registryNews, {
    callback: (_, message) => loss.stored(readStored(message)?.sequence ?? 0),
  });
  await observer.connection.flush();
  return {
    isShared: true,
    open: async (visit) => {
      const client = await clientOf([wires[handles.length % wires.length]?.address ?? ""]);
      stack.defer(() => closeNats(client));
      const handle = await openJetStreamLedger(client, { replicas })(visit);
      handles.push(handle);
      return handle;
    },
    doubtNextAppend: () => {
      loss.begin(Math.max(...handles.map(({ visited }) => visited)));
    },
    heard: async (handle, at) => {
      await waitUntil(`a handle to visit record ${at}`, () => handle.visited >= at);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Keeps back what servers say, until they have stored a record; then every connection is lost. */
class Loss {
  readonly #wires: readonly TcpProxy[];
  /** The record before the one that is waited for. */
  #last: number | null = null;

  constructor(wires: readonly TcpProxy[]) {
    this.#wires = wires;
  }

  begin(last: number): void {
    this.#last = last;
    for (const wire of this.#wires) wire.hold("to the client");
  }

  stored(sequence: number): void {
    if (this.#last === null || sequence <= this.#last) return;
    this.#last = null;
    for (const wire of this.#wires) {
      wire.cut();
      wire.pass();
    }
  }
}
