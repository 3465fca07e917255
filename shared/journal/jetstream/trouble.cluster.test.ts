// Real servers killed, frozen, cut off and damaged while a journal is written, read and followed.
import { readdir, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { position, term } from "@millrace/model/ids.ts";
import type { NatsServer } from "@millrace/testing/nats-server.ts";
import { startTcpProxy } from "@millrace/testing/tcp-proxy.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bodyAt } from "../file/testdata/body.ts";
import { type AppendOutcome, type Journal, JournalDamaged, type JournalGap } from "../journal.ts";
import { encodeRecord } from "../record.ts";
import { openJetStreamJournal } from "./open.ts";
import type { JournalPlace } from "./subject.ts";
import { flipped, Servers } from "./testdata/conformance-rig.ts";
import { connectTo, publishAnything } from "./testdata/connect.ts";

/** Appends the record that comes next; its body follows from its position. */
function append(journal: Journal): Promise<AppendOutcome> {
  const tail = journal.tail();
  const next = position(tail.position + 1);
  const head = { position: next, term: term(1), timeMs: 0, previousChain: tail.chain };
  return new Promise((resolve) => {
    journal.append(tail.position, encodeRecord(head, bodyAt(next)).frame, resolve);
  });
}

/** Appends until that fails, or `enough` says so. */
async function appendUntil(journal: Journal, enough: (acked: number) => boolean): Promise<AppendOutcome> {
  for (;;) {
    const outcome = await append(journal);
    if (outcome.type !== "appended" || enough(journal.tail().position)) return outcome;
  }
}

/** Reads everything back; each record must be the one that was appended there. */
async function expectWhole(journal: Journal, from = 1): Promise<void> {
  let next = from;
  await journal.read(position(from), (record) => {
    expect(record.position).toBe(next);
    expect(bodyAt(next).equals(record.body)).toBe(true);
    next += 1;
  });
  expect(next).toBe(journal.tail().position + 1);
}

/** Follows from the start, and checks each record as it comes. */
function follow(servers: Servers, place: JournalPlace): { at: () => number; gaps: JournalGap[]; stop: () => void } {
  const gaps: JournalGap[] = [];
  const follower = servers.follow(place)({
    behind: { position: position(0), chain: 0 },
    visit: (record) => expect(bodyAt(record.position).equals(record.body)).toBe(true),
    gap: (gap) => gaps.push(gap),
  });
  return { at: () => follower.position(), gaps, stop: () => follower.stop() };
}

describe("on one server", () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await Servers.start(1);
  });
  afterEach(() => servers.ready());
  afterAll(() => servers[Symbol.asyncDispose]());

  it("I1, I6: a server killed again and again keeps every record it acked, and a follower sees each", async () => {
    const place = servers.place();
    const follower = follow(servers, place);
    const [server] = servers.all;
    let acked = 0;
    for (let kill = 1; kill <= 8; kill += 1) {
      const journal = await servers.open(place);
      expect(journal.tail().position - acked).toBeLessThanOrEqual(1);
      expect(journal.tail().position).toBeGreaterThanOrEqual(acked);
      await expectWhole(journal);
      const killAt = acked + 20 + kill;
      let killed: Promise<unknown> = Promise.resolve();
      const outcome = await appendUntil(journal, (at) => {
        if (at === killAt) killed = server?.kill() ?? killed;
        return false;
      });
      expect(outcome.type).toBe("unknown");
      acked = journal.tail().position;
      expect(acked).toBeGreaterThanOrEqual(killAt);
      await killed;
      await journal.close();
      await servers.ready();
    }
    const journal = await servers.open(place);
    await expectWhole(journal);
    await waitUntil("the follower to see all", () => follower.at() === journal.tail().position);
    expect(follower.gaps).toEqual([]);
    follower.stop();
    await journal.close();
  });

  it("I2: of writers that open one after the other and all write on, only the last one gets anything in", async () => {
    const place = servers.place();
    const journals = await Promise.all(Array.from({ length: 5 }, () => servers.open(place)));
    const counts = await Promise.all(
      journals.map(async (journal) => {
        await appendUntil(journal, (acked) => acked === 30);
        return journal.tail().position;
      }),
    );
    expect(counts.toSorted((left, right) => left - right)).toEqual([0, 0, 0, 0, 30]);
    // Who is out removes nothing that the owner may need.
    for (const journal of journals) if (journal.tail().position === 0) await journal.truncateBefore(position(31));
    const judge = await servers.open(place);
    expect(judge.tail().position).toBe(30);
    await expectWhole(judge);
    for (const journal of [...journals, judge]) await journal.close();
  });

  it("I2: takes a journal over in the middle of its writer's appends without losing one that was acked", async () => {
    const place = servers.place();
    let owner = await servers.open(place);
    for (let round = 0; round < 10; round += 1) {
      const written = appendUntil(owner, () => false);
      const before = owner.tail().position;
      await waitUntil("some appends", () => owner.tail().position >= before + 5);
      const next = await servers.open(place);
      expect(await written).toEqual({ type: "stale" });
      expect(next.tail()).toEqual(owner.tail());
      await owner.close();
      owner = next;
    }
    await expectWhole(owner);
    await owner.close();
  });

  it.each([
    ["request", "to the server", 0],
    ["answer", "to the client", 1],
  ] as const)(
    "I2: knows at once that nobody knows when the connection is cut and the %s is lost",
    async (_, way, written) => {
      const [server] = servers.all;
      await using proxy = await startTcpProxy(server?.address ?? "");
      const connection = await connectTo([proxy.address]);
      const place = servers.place();
      const options = { connection, holder: "test", appendTimeoutMs: 60_000 };
      const journal = await openJetStreamJournal(place, options);
      expect(await append(journal)).toEqual({ type: "appended" });
      const watcher = follow(servers, place);
      proxy.hold(way);
      const inDoubt = append(journal);
      if (written === 1) await waitUntil("the record to be stored", () => watcher.at() === 2);
      // Cut while it is held: what was kept back is gone.
      proxy.cut();
      expect(await inDoubt).toEqual({ type: "unknown", reason: "the connection was lost" });
      expect(await append(journal)).toEqual({ type: "stale" });
      proxy.pass();
      const again = await openJetStreamJournal(place, options);
      expect(again.tail().position).toBe(1 + written);
      expect(await append(again)).toEqual({ type: "appended" });
      await expectWhole(again);
      watcher.stop();
      for (const opened of [journal, again]) await opened.close();
      await connection.close();
    },
  );

  it.each([
    ["neither record nor fence", { data: "anything" }],
    ["empty", {}],
    ["a fence that says nonsense", { headers: { "Millrace-Fence": "somebody", "Millrace-Tail": "1 2 three" } }],
    ["a fence of another journal", { headers: { "Millrace-Fence": "somebody", "Millrace-Tail": "9 1 1 0 1 50" } }],
  ])("I6: is damaged by a message that is %s, and other journals on the connection go on", async (_, message) => {
    const place = servers.place();
    const watcher = follow(servers, place);
    const journal = await servers.open(place);
    await appendUntil(journal, (acked) => acked === 3);
    await waitUntil("the follower to see all", () => watcher.at() === 3);
    await publishAnything(servers.connection, place.subject, message);
    expect(await append(journal)).toEqual({ type: "stale" });
    await expect(servers.open(place)).rejects.toBeInstanceOf(JournalDamaged);
    await waitUntil("the follower to find out", () => watcher.gaps.length > 0);
    expect(watcher.gaps).toEqual([{ type: "damaged", reason: expect.any(String) }]);
    const other = await servers.open(servers.place());
    expect(await append(other)).toEqual({ type: "appended" });
    await expectWhole(other);
    for (const opened of [journal, other]) await opened.close();
  });

  it("I6: a follower that is overtaken by truncation has seen a beginning, and says that the rest is gone", async () => {
    const place = servers.place();
    const journal = await servers.open(place);
    await appendUntil(journal, (acked) => acked === 1_500);
    let overtaken = 0;
    for (const at of [200, 600, 900, 1_200, 1_500]) {
      const follower = follow(servers, place);
      await waitUntil("some records, or the gap", () => follower.at() > 0 || follower.gaps.length > 0);
      await journal.truncateBefore(position(at));
      await waitUntil("the end", () => follower.at() === 1_500 || follower.gaps.length > 0);
      if (follower.gaps.length > 0) {
        overtaken += 1;
        expect(follower.gaps).toEqual([{ type: "truncated", first: expect.any(Number) }]);
        expect(follower.at()).toBeLessThan(at - 1);
      }
      follower.stop();
    }
    // From the second round on the first record is gone before the follower begins.
    expect(overtaken).toBeGreaterThanOrEqual(4);
    await expectWhole(journal, 1_500);
    await journal.close();
  });
});

describe("on three servers", () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await Servers.start(3);
  });
  afterEach(() => servers.ready());
  afterAll(() => servers[Symbol.asyncDispose]());

  /** The server that leads a journal's stream, and one that follows. */
  async function roles(place: JournalPlace): Promise<{ leader: NatsServer; follower: NatsServer }> {
    const { cluster } = servers;
    const leader = await cluster?.leader(place.stream);
    const [follower] = (await cluster?.followers(place.stream)) ?? [];
    if (leader === undefined || follower === undefined) throw new Error("There is no cluster.");
    return { leader, follower };
  }

  it.each(["kill", "freeze"] as const)("I1, I6: appends and takes over through a %s of the leader", async (verb) => {
    const place = servers.place();
    const follower = follow(servers, place);
    for (let round = 0; round < 2; round += 1) {
      const journal = await servers.open(place);
      const { leader } = await roles(place);
      const from = journal.tail().position;
      let harmed: Promise<unknown> | undefined;
      const outcome = await appendUntil(journal, (acked) => {
        if (acked > from + 20) harmed ??= Promise.resolve(leader[verb]());
        return false;
      });
      await harmed;
      // The answer may have been "no" already by who led next; never "appended" for what is not there.
      expect(["unknown", "stale"]).toContain(outcome.type);
      const acked = journal.tail().position;
      await journal.close();
      const next = await servers.open(place);
      expect([acked, acked + 1]).toContain(next.tail().position);
      const until = next.tail().position + 20;
      expect(await appendUntil(next, (now) => now === until)).toEqual({ type: "appended" });
      await servers.ready();
      await appendUntil(next, (now) => now === until + 20);
      await expectWhole(next);
      await waitUntil("the follower to see all", () => follower.at() === next.tail().position);
      await next.close();
    }
    expect(follower.gaps).toEqual([]);
    follower.stop();
  });

  it("I2: is refused only once it is sure that another message came first", async () => {
    const place = servers.place();
    const connected = servers.all.find(({ address }) => address === servers.connection.getServer());
    if (connected === undefined) throw new Error("The client is connected to none of the servers.");
    const journal = await servers.open(place, 20_000);
    expect(await append(journal)).toEqual({ type: "appended" });
    await servers.lead(place, connected);
    const others = servers.all.filter((server) => server !== connected);
    for (const server of others) server.freeze();
    // Without the others it is on its way for as long as they are frozen.
    servers.connection.publish(place.subject, "another's");
    let isAnswered = false;
    const answer = append(journal).then((outcome) => {
      isAnswered = true;
      return outcome;
    });
    // Whatever the append was answered, it was answered before this is.
    for (let round = 0; round < 20; round += 1) await servers.connection.flush();
    expect(isAnswered).toBe(false);
    for (const server of others) server.thaw();
    expect(await answer).toEqual({ type: "stale" });
    await journal.close();
  });

  it("I1: goes on beside a frozen replica, and reads past what that one does not have", async () => {
    const place = servers.place();
    const journal = await servers.open(place);
    await appendUntil(journal, (acked) => acked === 20);
    // Not the one that the client is connected to: that would be a lost connection.
    const followers = await servers.cluster?.followers(place.stream);
    const follower = followers?.find(({ address }) => address !== servers.connection.getServer());
    if (follower === undefined) throw new Error("There is no follower to freeze.");
    follower.freeze();
    expect(await appendUntil(journal, (acked) => acked === 300)).toEqual({ type: "appended" });
    follower.thaw();
    for (let times = 0; times < 10; times += 1) await expectWhole(journal);
    await journal.close();
  });

  it.each(["truncated", "flipped"] as const)(
    "I6: reads all of a journal with a replica whose file was %s",
    async (harm) => {
      const place = servers.place();
      const journal = await servers.open(place);
      await appendUntil(journal, (acked) => acked === 200);
      await journal.close();
      const { follower } = await roles(place);
      await servers.changeBlocks([follower], place.stream, (bytes, isNewest) => {
        if (harm === "flipped") return flipped(bytes, place.subject, position(100));
        return isNewest ? bytes.subarray(0, bytes.length / 2) : null;
      });
      const watcher = follow(servers, place);
      for (let times = 0; times < 10; times += 1) {
        const again = await servers.open(place);
        expect(again.tail().position).toBe(200 + times);
        await expectWhole(again);
        expect(await append(again)).toEqual({ type: "appended" });
        await again.close();
      }
      await waitUntil("the follower to see all", () => watcher.at() === 210);
      watcher.stop();
    },
  );

  it("I6: is never silently wrong when the damaged replica leads", async () => {
    const place = servers.place();
    const journal = await servers.open(place);
    await appendUntil(journal, (acked) => acked === 200);
    await journal.close();
    const { follower } = await roles(place);
    await servers.changeBlocks([follower], place.stream, (bytes) => flipped(bytes, place.subject, position(100)));
    await servers.lead(place, follower);
    const again = await servers.open(place);
    expect(again.tail().position).toBe(200);
    // The other replicas have the record; only if none did, the journal would count as damaged.
    await expectWhole(again);
    await again.close();
  });
});

it("I6: one server that lost its last records shows whole ones, and whoever knew more is told that they are others", async () => {
  await using servers = await Servers.start(1);
  const [server] = servers.all;
  if (server === undefined) throw new Error("There is no server.");
  const place = servers.place();
  const journal = await servers.open(place);
  await appendUntil(journal, (acked) => acked === 100);
  const known = journal.tail();
  await journal.close();
  await server.kill();
  const folder = server.blocksFolder(place.stream);
  const newest = (await readdir(folder)).find((name) => name.endsWith(".blk")) ?? "";
  await truncate(join(folder, newest), Math.floor((await stat(join(folder, newest))).size / 2));
  await servers.ready();

  const gaps: JournalGap[] = [];
  const follower = servers.follow(place)({
    behind: known,
    visit: ({ position: at }) => expect.unreachable(`It visits ${at}.`),
    gap: (gap) => gaps.push(gap),
  });
  const again = await servers.open(place);
  // Nothing on the server knows of more: the fence that did was lost as well.
  expect(again.tail().position).toBeLessThan(known.position);
  await expectWhole(again);
  await append(again);
  await waitUntil("the follower to find out", () => gaps.length > 0);
  expect(gaps).toEqual([{ type: "damaged", reason: expect.stringContaining("at the place of 101") }]);
  follower.stop();
  await again.close();
});
