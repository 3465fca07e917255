// Registries of several processes over one ledger on NATS.
import { systemClock } from "@millrace/clock/system.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { openJetStreamLedger } from "@millrace/journal/jetstream/ledger.ts";
import type { RegisteredDefinition, Registration } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { tenantId, workflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { closeNats, connectNats } from "@millrace/nats/connect.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterEach, expect, it } from "vitest";
import { JournaledRegistry } from "./registry.ts";

const TENANT = tenantId("t");
const ONE = workflowName("one");

let stack = new AsyncDisposableStack();
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});

/** A process with a registry. */
async function open(server: string): Promise<JournaledRegistry> {
  const client = await connectNats({ servers: [server], name: "test", prefix: "test", login: null, tls: null });
  stack.defer(() => closeNats(client));
  const registry = await JournaledRegistry.open(openJetStreamLedger(client, { replicas: 1 }), systemClock);
  stack.defer(() => registry.close());
  return registry;
}

function definitionOf(uses: string): Definition {
  const parsed = parseDefinition(`name: one\nsteps:\n  a: { uses: ${uses} }\n`);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

function register(registry: JournaledRegistry, uses: string): Promise<Registration | Refusal> {
  return registry.register(TENANT, definitionOf(uses), `source ${uses}`);
}

it("hears what another process registered, and counts on from there", async () => {
  const server = stack.use(await startNats());
  const [alice, bob] = [await open(server.address), await open(server.address)];
  const heard: RegisteredDefinition[] = [];
  bob.follow((registered) => heard.push(registered));
  expect(await register(alice, "x")).toMatchObject({ created: true, registered: { version: 1 } });
  await waitUntil("bob to hear of it", () => heard.length > 0);
  expect(bob.get(TENANT, ONE, 0)).toEqual(alice.get(TENANT, ONE, 0));
  expect(await register(bob, "x")).toMatchObject({ created: false, registered: { version: 1 } });
  expect(await register(bob, "y")).toMatchObject({ created: true, registered: { version: 2 } });
  expect(await register(alice, "z")).toMatchObject({ created: true, registered: { version: 3 } });
});

it("I2: gives every version to one definition, whoever registers at once", async () => {
  const server = stack.use(await startNats());
  const registries = await Promise.all([open(server.address), open(server.address), open(server.address)]);
  const answers = await Promise.all(
    registries.flatMap((registry, index) => ["a", "b", "c"].map((uses) => register(registry, `${uses}${index}`))),
  );
  const versions = answers.map((answer) => ("created" in answer ? answer.registered.version : 0));
  expect(versions.toSorted((left, right) => left - right)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const late = await open(server.address);
  for (const registry of registries) {
    await waitUntil("all versions to be there", () => registry.versions(TENANT, ONE) === 9);
    for (const version of versions) expect(registry.get(TENANT, ONE, version)).toEqual(late.get(TENANT, ONE, version));
  }
});
