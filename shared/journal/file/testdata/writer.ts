// A process that appends until it is killed and prints each position once it is acked.
// Arguments: folder of the journal. Bodies follow from their position alone (`body.ts`), so the reader can check them.
import { writeSync } from "node:fs";
import { position, term } from "@millrace/model/ids.ts";
import { encodeRecord } from "../../record.ts";
import { openFileJournal } from "../open.ts";
import { bodyAt, SEGMENT_BYTES, TRUNCATE_EVERY } from "./body.ts";

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: writer.ts <folder>");
const journal = await openFileJournal(folder, { segmentBytes: SEGMENT_BYTES });
let truncating = Promise.resolve();

function appendNext(): void {
  const tail = journal.tail();
  const next = position(tail.position + 1);
  const head = { position: next, term: term(1), timeMs: 0, previousChain: tail.chain };
  journal.append(tail.position, encodeRecord(head, bodyAt(next)).frame, (outcome) => {
    if (outcome.type !== "appended") throw new Error(`Record ${next} was not appended: ${outcome.type}.`);
    writeSync(1, `acked ${next}\n`);
    if (next % TRUNCATE_EVERY === 0) {
      truncating = truncating.then(() => journal.truncateBefore(position(next - TRUNCATE_EVERY)));
    }
    appendNext();
  });
}

appendNext();
