import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { type RunId, runId, shardId, slot, tenantId, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import { openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import { describe, expect, it } from "vitest";
import { Node } from "../node.ts";
import { Shard } from "../shard.ts";
import type { ShardObserver } from "../shard-options.ts";
import { Retention } from "./retention.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const TENANT = tenantId("default");
const SILENT: ShardObserver = {
  recovering: () => undefined,
  recovered: () => undefined,
  appended: () => undefined,
  checkpointed: () => undefined,
  unreadable: () => undefined,
  failed: (reason) => {
    throw new Error(reason);
  },
};
const BYTES = Buffer.from("[1]");

async function world() {
  const clock = new VirtualClock(1);
  const blobs = openMemoryBlobs({ nowMs: () => clock.nowMs() });
  const log = new MemoryLog();
  const transform = {
    name: "only",
    uses: "transform",
    kind: "transform",
    needs: [],
    if: null,
    forEach: null,
    maxConcurrency: 100,
    with: 1,
    hasWith: true,
    child: null,
    attemptTimeoutMs: 1000,
    stepTimeoutMs: 0,
    retry: { maxAttempts: 1, initialDelayMs: 1, maxDelayMs: 1, multiplier: 1 },
  } as const;
  const name = workflowName("brief");
  const definition = { name, triggers: [], steps: [transform], output: null, hasOutput: false, timeoutMs: 0 };
  const shard = new Shard({
    id: shardId(0),
    node: "test",
    openJournal: () => openMemoryJournal(log, clock),
    store: openMemoryStore({ soon: (callback) => clock.soon(callback), retentionMs: DAY_MS }),
    blobs,
    clock,
    submit: () => {},
    findDefinition: () => ({ tenant: TENANT, name, version: 1, definition, source: "", registeredMs: 0 }),
    leased: () => true,
    terms: null,
    observer: SILENT,
  });
  const node = new Node([shard]);
  await until(clock, node.open());
  return { clock, blobs, node, shard, name };
}

type World = Awaited<ReturnType<typeof world>>;

async function ran({ clock, node, shard, name }: World): Promise<RunId> {
  const id = mintRunId(clock.nowMs(), slot(7), 1, 2);
  const keys = { idempotencyKey: "", inputHash: "", traceparent: "", parent: null };
  const command = {
    type: "start",
    runId: id,
    tenant: TENANT,
    workflow: name,
    version: 1,
    input: json("1"),
    ...keys,
  } as const;
  node.submit({ replied: () => undefined, ended: () => undefined }, [{ ref: 1, command, notifyEnd: false }]);
  await until(clock, shard.checkpoint());
  return id;
}

/** Lets virtual time pass until a promise is settled: the shard always has a timer ordered, so it is never idle. */
async function until<Value>(clock: VirtualClock, promise: Promise<Value>): Promise<Value> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  for (let steps = 0; !settled && steps < 10_000; steps++) {
    await drain();
    clock.step();
  }
  return promise;
}

describe("retention", () => {
  it("forgets ended runs by whole periods, and their blobs with them", async () => {
    const scene = await world();
    const { clock, blobs, node } = scene;
    const id = await ran(scene);
    const ref = await blobs.put(id, BYTES);
    const retention = new Retention({ shards: node, blobs, clock, failed: (error) => expect.fail(String(error)) });
    await until(clock, retention.sweep());
    expect(node.knows(id)).toBe(true);
    expect(await blobs.get(id, ref)).toBeDefined();
    await clock.advance(3 * DAY_MS);
    await until(clock, retention.sweep());
    expect(node.knows(id)).toBe(false);
    expect(await blobs.get(id, ref)).toBeUndefined();
    await until(clock, retention.stop());
  });

  it("I9: sweeps blobs of starts that never came, once nobody can be on the way with them", async () => {
    const { clock, blobs, node } = await world();
    const orphan = runId("0000000000010000000a");
    const ref = await blobs.put(orphan, BYTES);
    const retention = new Retention({ shards: node, blobs, clock, failed: (error) => expect.fail(String(error)) });
    await until(clock, retention.sweep());
    expect(await blobs.get(orphan, ref)).toBeDefined();
    await clock.advance(2 * DAY_MS);
    await until(clock, retention.sweep());
    expect(await blobs.get(orphan, ref)).toBeUndefined();
    await until(clock, retention.stop());
  });
});
