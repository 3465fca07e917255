// A real process, killed while it appends to a real disk.

import { Prng } from "@millrace/clock/prng.ts";
import { position } from "@millrace/model/ids.ts";
import { startNode } from "@millrace/testing/process.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { expect, it } from "vitest";
import { openFileJournal } from "./open.ts";
import { bodyAt, SEGMENT_BYTES, TRUNCATE_EVERY } from "./testdata/body.ts";

const KILLS = 20;
/** A life ends after at most this many acks: several segments. */
const ACKS_MAX = 100;

it("I1, I6: a writer killed again and again keeps every record it acked", async () => {
  await using folder = await tempFolder();
  const writer = new URL("testdata/writer.ts", import.meta.url).pathname;
  const prng = new Prng(Date.now());
  let acked = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await using child = await startNode(writer, [folder.path]);
    await child.waitForLine(new RegExp(`^acked ${acked + 1 + prng.below(ACKS_MAX)}$`));
    await child.kill();
    // A line cut off by the kill is no ack that anybody saw.
    const last = child.lines.findLast((line) => /^acked \d+$/.test(line));
    expect(child.lines.filter((line) => !/^acked \d*$/.test(line))).toEqual([]);
    const ackedNow = Number(last?.split(" ")[1]);
    expect(ackedNow).toBeGreaterThan(acked);
    acked = ackedNow;

    const journal = await openFileJournal(folder.path, { segmentBytes: SEGMENT_BYTES });
    const found = journal.tail().position;
    expect(found).toBeGreaterThanOrEqual(acked);
    expect(found - acked).toBeLessThanOrEqual(1);
    let at = Math.max(found - TRUNCATE_EVERY, 1);
    await journal.read(position(at), ({ position: of, body }) => {
      expect(of).toBe(at);
      expect(bodyAt(at).equals(body)).toBe(true);
      at += 1;
    });
    expect(at).toBe(found + 1);
    await journal.close();
    acked = found;
  }
  expect(acked).toBeGreaterThan(KILLS);
});
