// The thread of the control: heartbeats and coordination over connections of their own.
import { openNatsBus } from "@millrace/bus/nats/nats-bus.ts";
import { openNatsKv } from "@millrace/kv/nats/nats-kv.ts";
import { type ControlConnections, serveControl } from "@millrace/membership/thread/serve-control.ts";
import { closeNats, connectNats } from "@millrace/nats/connect.ts";
import { parseControlSettings } from "./control-settings.ts";

async function connect(text: string): Promise<ControlConnections> {
  const { nats, replicas } = parseControlSettings(text);
  const client = await connectNats(nats);
  const bus = openNatsBus(client);
  const kv = await openNatsKv(client, replicas);
  const close = async (): Promise<void> => {
    await Promise.all([bus.close(), kv.close()]);
    await closeNats(client);
  };
  return { bus, kv, close };
}

serveControl(connect);
