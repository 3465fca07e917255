// A control on a thread of its own over NATS; the settings are the server's address.
import { openNatsBus } from "@millrace/bus/nats/nats-bus.ts";
import { openNatsKv } from "@millrace/kv/nats/nats-kv.ts";
import { closeNats, connectNats } from "@millrace/nats/connect.ts";
import { type ControlConnections, serveControl } from "../serve-control.ts";

async function connect(address: string): Promise<ControlConnections> {
  const client = await connectNats({ servers: [address], name: "control", prefix: "test", login: null, tls: null });
  const bus = openNatsBus(client);
  const kv = await openNatsKv(client, 1);
  const close = async (): Promise<void> => {
    await Promise.all([bus.close(), kv.close()]);
    await closeNats(client);
  };
  return { bus, kv, close };
}

serveControl(connect);
