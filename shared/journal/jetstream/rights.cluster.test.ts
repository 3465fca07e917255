// The rights that docs/decisions/0010-journal-on-jetstream.md lists are all that a node needs.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { position, term } from "@millrace/model/ids.ts";
import { startNats } from "@millrace/testing/nats-server.ts";
import { ROOT } from "@millrace/testing/repository.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { expect, it } from "vitest";
import { encodeRecord } from "../record.ts";
import { followJetStreamJournal } from "./follow.ts";
import { openJetStreamJournal } from "./open.ts";
import { inspectServers } from "./servers.ts";
import { ensureStreams, journalPlace } from "./streams.ts";
import { connectTo } from "./testdata/connect.ts";

/** So many bytes that the server asks the follower whether it keeps up. */
const RECORDS = 40;
const BODY = Buffer.alloc(400_000, "body");

/** The server's configuration on the page, as an operator would copy it. */
function permissionsOnThePage(): string {
  const page = readFileSync(join(ROOT, "docs/decisions/0010-journal-on-jetstream.md"), "utf8");
  return /^```\n(permissions[\s\S]*?)^```$/m.exec(page)?.[1] ?? "";
}

it("a node with no other rights than those on the page does all that journals need", async () => {
  const permissions = permissionsOnThePage();
  expect(permissions).toContain("subscribe");
  await using server = await startNats({
    config: `authorization { users: [{ user: node, password: secret, ${permissions} }] }`,
  });
  const inboxPrefix = "_INBOX_millrace";
  const connection = await connectTo([server.address], { user: "node", pass: "secret", inboxPrefix });
  const way = { connection, inboxPrefix };
  const streams = { prefix: "millrace", streams: 1, replicas: 1, bytesMax: null } as const;
  await ensureStreams(connection, { ...streams, bytesMax: 1e9 });
  await ensureStreams(connection, streams);
  expect(await inspectServers(connection, streams)).toHaveLength(2);

  const place = journalPlace("millrace", 0, 7, 1);
  const journal = await openJetStreamJournal(place, { ...way, holder: "node" });
  for (let at = 1; at <= RECORDS; at += 1) {
    const tail = journal.tail();
    const head = { position: position(at), term: term(1), timeMs: 0, previousChain: tail.chain };
    const outcome = await new Promise((resolve) => {
      journal.append(tail.position, encodeRecord(head, BODY).frame, resolve);
    });
    expect(outcome).toEqual({ type: "appended" });
  }
  const seen: number[] = [];
  const follower = followJetStreamJournal(place, way, {
    behind: { position: position(0), chain: 0 },
    visit: (record) => seen.push(record.position),
    gap: (gap) => expect.unreachable(gap.type),
  });
  await waitUntil("the follower to see all", () => seen.length === RECORDS);
  const read: number[] = [];
  await journal.read(position(1), (record) => read.push(record.position));
  expect(read).toEqual(seen);
  await journal.truncateBefore(position(RECORDS));
  await expect(journal.read(position(1), () => undefined)).rejects.toThrow("gone");
  follower.stop();
  await journal.close();
  await connection.close();
});
