// A process whose listener throws: `throwing-listener.ts <server>`. It must not live on deaf.
import { connectNats } from "@millrace/nats/connect.ts";
import { openNatsBus } from "../nats-bus.ts";

const [server = ""] = process.argv.slice(2);
const client = await connectNats({ servers: [server], name: "test", prefix: "test", login: null, tls: null });
const bus = openNatsBus(client);
bus.subscribe("x", () => {
  throw new Error("the listener threw");
});
await bus.settled();
bus.publish("x", Buffer.from("1"));
