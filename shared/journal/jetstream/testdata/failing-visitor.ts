// A process that visits a ledger with a visitor that fails at the record "bad". Its argument is a server's address.
import { openJetStreamLedger } from "../ledger.ts";
import { clientOf } from "./ledger-conformance-rig.ts";

const client = await clientOf(process.argv.slice(2));
await openJetStreamLedger(client, { replicas: 1 })(({ body }) => {
  if (Buffer.from(body).toString() === "bad") throw new Error("The visitor cannot take this.");
});
process.stdout.write("open\n");
