import { VirtualClock } from "@millrace/clock/virtual.ts";
import { describe, expect, test } from "vitest";
import { type Bus, BusCut, MESSAGE_BYTES_MAX } from "../bus.ts";
import type { MemoryBusHandle } from "./handle.ts";
import { MemoryBus } from "./hub.ts";

interface World {
  readonly clock: VirtualClock;
  readonly hub: MemoryBus;
  readonly alice: MemoryBusHandle;
  readonly bob: MemoryBusHandle;
  /** What anybody heard, in order: `who:data`, `who:nobody`, `who:connected`, `who:cut`. */
  readonly heard: string[];
  listen(bus: MemoryBusHandle, pattern: string): void;
  say(bus: Bus, subject: string, text: string, reply?: string): void;
}

async function world(seed = 1): Promise<World> {
  const clock = new VirtualClock(seed);
  const hub = new MemoryBus(clock);
  const heard: string[] = [];
  const [alice, bob] = [hub.connect("alice"), hub.connect("bob")];
  for (const bus of [alice, bob]) {
    bus.onConnection((connected) => void heard.push(`${bus.name}:${connected ? "connected" : "cut"}`));
  }
  await clock.run();
  return {
    clock,
    hub,
    alice,
    bob,
    heard,
    listen: (bus, pattern) => {
      bus.subscribe(pattern, (message) => {
        heard.push(`${bus.name}:${message.type === "nobody" ? "nobody" : Buffer.from(message.data).toString()}`);
      });
    },
    say: (bus, subject, text, reply) => bus.publish(subject, Buffer.from(text), reply),
  };
}

describe("the memory bus", () => {
  test("brings messages by its clock alone, each way in its time", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    hub.latencyMs = 10;
    listen(bob, "x");
    await clock.advance(10);
    say(alice, "x", "1");
    await clock.advance(19);
    expect(heard).toEqual([]);
    await clock.advance(1);
    expect(heard).toEqual(["bob:1"]);
  });

  test("keeps a publisher's order and lets publishers overtake one another, the same for the same seed", async () => {
    const talk = async (seed: number): Promise<string[]> => {
      const { clock, hub, alice, bob, heard, listen, say } = await world(seed);
      const carol = hub.connect("carol");
      listen(carol, "x");
      await clock.run();
      hub.jitterMs = 20;
      for (let count = 0; count < 50; count++) {
        say(alice, "x", `a${count}`);
        say(bob, "x", `b${count}`);
        await clock.advance(2);
      }
      await clock.run();
      return heard;
    };
    const heard = await talk(1);
    const of = (who: string): string[] => heard.filter((line) => line.startsWith(`carol:${who}`));
    expect(of("a")).toEqual(Array.from({ length: 50 }, (_, count) => `carol:a${count}`));
    expect(of("b")).toEqual(Array.from({ length: 50 }, (_, count) => `carol:b${count}`));
    expect(heard).not.toEqual(Array.from({ length: 100 }, (_, line) => `carol:${"ab"[line % 2]}${line >> 1}`));
    expect(await talk(1)).toEqual(heard);
    expect(await talk(2)).not.toEqual(heard);
  });

  test("loses what it is told to lose, without a word", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    listen(bob, "x.*");
    hub.loses = ({ from, to, subject }) => from === "alice" && to === "bob" && subject === "x.1";
    await clock.run();
    say(alice, "x.1", "1", `${alice.inbox}.r`);
    say(alice, "x.2", "2");
    await clock.run();
    expect(heard).toEqual(["bob:2"]);
  });
});

describe("a cut", () => {
  test("that is mended before anybody noticed loses nothing", async () => {
    const { clock, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    await clock.run();
    bob.cut();
    say(alice, "x", "1");
    say(bob, "x", "2");
    await clock.advance(2_999);
    expect([heard, bob.connected]).toEqual([[], true]);
    bob.mend();
    await clock.run();
    expect(heard.toSorted()).toEqual(["bob:1", "bob:2"]);
  });

  test("that lasts loses what was under way; listeners are back when the connection is", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    await clock.run();
    bob.cut();
    say(alice, "x", "lost in front of bob");
    say(bob, "x", "lost behind bob");
    const settled = bob.settled();
    const refused = expect(settled).rejects.toThrow(BusCut);
    await clock.advance(hub.noticeMs);
    await refused;
    expect([heard, bob.connected]).toEqual([["bob:cut"], false]);
    await expect(bob.settled()).rejects.toThrow(BusCut);
    say(bob, "x", "nobody takes it");
    await clock.advance(60_000);
    bob.mend();
    await clock.advance(hub.reconnectMs - 1);
    expect(bob.connected).toBe(false);
    await clock.advance(1);
    expect(bob.connected).toBe(true);
    await clock.run();
    say(alice, "x", "2");
    await clock.run();
    expect(heard).toEqual(["bob:cut", "bob:connected", "bob:2"]);
  });

  test("is silence at first, and nobody once the server has noticed", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    listen(alice, `${alice.inbox}.*`);
    await clock.run();
    bob.cut();
    const silent = alice.request("x", Buffer.from("?"), 1_000);
    say(alice, "x", "1", `${alice.inbox}.1`);
    await clock.advance(hub.noticeMs);
    expect(await silent).toEqual({ type: "silent" });
    say(alice, "x", "2", `${alice.inbox}.2`);
    const nobody = alice.request("x", Buffer.from("?"), 1_000);
    await clock.advance(0);
    expect(await nobody).toEqual({ type: "nobody" });
    expect(heard).toEqual(["bob:cut", "alice:nobody"]);
  });

  test("of the asker ends its requests when it notices, not when their time is over", async () => {
    const { clock, hub, alice, bob, listen } = await world();
    listen(bob, "x");
    await clock.run();
    alice.cut();
    const asked = alice.request("x", Buffer.from("?"), 600_000);
    await clock.advance(hub.noticeMs);
    expect(await asked).toEqual({ type: "silent" });
    expect(clock.monotonicMs()).toBe(hub.noticeMs);
  });

  test("by the server comes at once and heals by itself", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    hub.latencyMs = 5;
    await clock.run();
    say(alice, "x", "under way");
    await clock.advance(5);
    bob.reset();
    await clock.run();
    say(alice, "x", "2");
    await clock.run();
    expect(heard).toEqual(["bob:cut", "bob:connected", "bob:2"]);
  });
});

describe("a process", () => {
  test("that stands still hears everything when it goes on, and counts as a listener meanwhile", async () => {
    const { clock, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    listen(alice, `${alice.inbox}.*`);
    await clock.run();
    bob.pause();
    for (const text of ["1", "2", "3"]) say(alice, "x", text, `${alice.inbox}.${text}`);
    await clock.advance(60_000);
    expect(heard).toEqual([]);
    bob.resume();
    await clock.run();
    expect(heard).toEqual(["bob:1", "bob:2", "bob:3"]);
  });

  test("I9: that stands still too long is cut off, and comes back when it goes on", async () => {
    const { clock, hub, alice, bob, heard, listen } = await world();
    hub.queueBytesMax = 3 * MESSAGE_BYTES_MAX;
    listen(bob, "x");
    await clock.run();
    bob.pause();
    for (let count = 0; count < 3; count++) {
      alice.publish("x", new Uint8Array(MESSAGE_BYTES_MAX));
      await clock.advance(1_000);
    }
    bob.resume();
    await clock.advance(0);
    expect(heard).toEqual(["bob:cut"]);
    await clock.run();
    expect([heard.at(-1), bob.connected]).toEqual(["bob:connected", true]);
  });

  test("I9: that publishes into a cut loses what its queue does not hold", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    hub.queueBytesMax = 2 * MESSAGE_BYTES_MAX;
    listen(bob, "x");
    await clock.run();
    alice.cut();
    alice.publish("y", new Uint8Array(MESSAGE_BYTES_MAX));
    alice.publish("y", new Uint8Array(MESSAGE_BYTES_MAX));
    alice.publish("x", new Uint8Array(MESSAGE_BYTES_MAX));
    say(alice, "x", "small");
    alice.mend();
    await clock.run();
    expect(heard).toEqual(["bob:small"]);
  });

  test("that crashed hears, sends and answers nothing, and everybody knows at once", async () => {
    const { clock, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    listen(alice, "y");
    listen(alice, `${alice.inbox}.*`);
    await clock.run();
    const outcomes: string[] = [];
    const note = (promise: Promise<unknown>): void =>
      void promise.then(
        () => outcomes.push("resolved"),
        () => outcomes.push("rejected"),
      );
    note(bob.request("y", Buffer.from("?"), 1_000));
    note(bob.settled());
    say(alice, "x", "1", `${alice.inbox}.1`);
    say(bob, "y", "from bob");
    bob.crash();
    note(bob.request("y", Buffer.from("?"), 1_000));
    note(bob.settled());
    say(bob, "y", "from the grave");
    listen(bob, "x");
    bob.mend();
    bob.resume();
    bob.reset();
    await clock.run();
    expect([heard, outcomes]).toEqual([["alice:nobody"], []]);
  });

  test("that was cut while it stood still learns so when it goes on", async () => {
    const { clock, hub, alice, bob, heard, listen, say } = await world();
    listen(bob, "x");
    await clock.run();
    bob.pause();
    bob.cut();
    await clock.advance(hub.noticeMs);
    bob.mend();
    await clock.advance(60_000);
    expect([heard, bob.connected]).toEqual([[], true]);
    bob.resume();
    await clock.run();
    say(alice, "x", "1");
    await clock.run();
    expect(heard).toEqual(["bob:cut", "bob:connected", "bob:1"]);
  });
});
