import { VirtualClock } from "@millrace/clock/virtual.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { soleWriter } from "@millrace/journal/sole-writer.ts";
import type { RegisteredDefinition, Registration } from "@millrace/link/registry.ts";
import type { Definition } from "@millrace/model/definition.ts";
import { tenantId, workflowName } from "@millrace/model/ids.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import { describe, expect, it } from "vitest";
import { JournaledRegistry } from "./registry.ts";

const TENANT = tenantId("t");
const ONE = workflowName("one");

function definitionOf(name: string, uses: string): Definition {
  const parsed = parseDefinition(`name: ${name}\nsteps:\n  a: { uses: ${uses} }\n`);
  if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
  return parsed.definition;
}

/** A registry on a log, and what it takes to make its promises settle. */
class RegistryBench {
  readonly log = new MemoryLog();
  readonly clock = new VirtualClock(1);

  async open(): Promise<JournaledRegistry> {
    return this.#settled(
      JournaledRegistry.open(
        soleWriter(() => openMemoryJournal(this.log, this.clock)),
        this.clock,
      ),
    );
  }

  async register(registry: JournaledRegistry, uses: string, name = "one"): Promise<Registration | Refusal> {
    return this.#settled(registry.register(TENANT, definitionOf(name, uses), `source ${uses}`));
  }

  async #settled<Value>(promise: Promise<Value>): Promise<Value> {
    await this.clock.run();
    return promise;
  }
}

describe("the registry", () => {
  it("counts versions up, and takes the newest again for what it is", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    const answers = [];
    for (const uses of ["x", "x", "y", "x"]) answers.push(await bench.register(registry, uses));
    expect(
      answers.map((answer) => ("created" in answer ? [answer.registered.version, answer.created] : answer)),
    ).toEqual([
      [1, true],
      [1, false],
      [2, true],
      [3, true],
    ]);
    expect(bench.log.tail.position).toBe(3);
    expect([registry.versions(TENANT, ONE), registry.get(TENANT, ONE, 0)?.version]).toEqual([3, 3]);
    expect(registry.get(TENANT, ONE, 2)?.source).toBe("source y");
    expect(registry.get(TENANT, ONE, 4)).toBeUndefined();
    expect(registry.get(tenantId("other"), ONE, 1)).toBeUndefined();
  });

  it("I6: opened again, it holds everything it acked", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    await bench.register(registry, "x");
    await bench.register(registry, "y");
    await bench.register(registry, "x", "another");
    bench.log.crash();
    const again = await bench.open();
    expect(again.list(TENANT)).toEqual(registry.list(TENANT));
    expect(again.list(TENANT).map(({ name, version }) => [name, version])).toEqual([
      ["another", 1],
      ["one", 2],
    ]);
    expect(again.get(TENANT, ONE, 1)).toEqual(registry.get(TENANT, ONE, 1));
  });

  it("registers one after the other, also when asked at once", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    const asked = ["x", "y", "x", "x"].map((uses) => registry.register(TENANT, definitionOf("one", uses), ""));
    await bench.clock.run();
    const answers = await Promise.all(asked);
    expect(answers.map((answer) => ("created" in answer ? answer.registered.version : 0))).toEqual([1, 2, 3, 3]);
  });

  it("I9: without room it refuses, keeps what it has, and takes more when there is room", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    await bench.register(registry, "x");
    bench.log.isFull = true;
    expect(await bench.register(registry, "y")).toMatchObject({ code: "DISK_FULL" });
    expect(registry.versions(TENANT, ONE)).toBe(1);
    bench.log.isFull = false;
    expect(await bench.register(registry, "y")).toMatchObject({ created: true, registered: { version: 2 } });
  });

  it.each([true, false])(
    "I1: when nobody knows whether it was written (it was: %s), what is durable counts",
    async (written) => {
      const bench = new RegistryBench();
      const registry = await bench.open();
      await bench.register(registry, "x");
      bench.log.failNext({ type: "unknown", written });
      expect(await bench.register(registry, "y")).toMatchObject({ code: "SHARD_UNAVAILABLE" });
      expect(registry.versions(TENANT, ONE)).toBe(written ? 2 : 1);
      expect(await bench.register(registry, "y")).toMatchObject({ created: !written, registered: { version: 2 } });
    },
  );

  it("tells followers of the newest versions there are, and of every one that comes", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    await bench.register(registry, "x");
    await bench.register(registry, "y");
    const heard: RegisteredDefinition[] = [];
    registry.follow((registered) => heard.push(registered));
    await bench.register(registry, "z");
    await bench.register(registry, "z");
    expect(heard.map(({ version }) => version)).toEqual([2, 3]);
  });
});

describe("a definition whose source has no room beside it in a record", () => {
  it("I9: is refused and leaves no trace", async () => {
    const bench = new RegistryBench();
    const registry = await bench.open();
    const source = `# ${'"'.repeat(400 * 1024)}`;
    const answer = registry.register(TENANT, definitionOf("one", "x"), source);
    await bench.clock.run();
    expect(await answer).toMatchObject({ code: "WORKFLOW_INVALID", field: "source" });
    expect(await bench.register(registry, "x")).toMatchObject({ created: true, registered: { version: 1 } });
  });
});
