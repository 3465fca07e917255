import { openMemoryBlobs } from "@millrace/blobs/memory/memory-blobs.ts";
import { runId } from "@millrace/model/ids.ts";
import { type BlobRef, json } from "@millrace/model/payload.ts";
import { describe, expect, it } from "vitest";
import { BlobTexts } from "./blob-texts.ts";
import { BLOB_TEXT_BYTES_MAX } from "./limits.ts";

const RUN = runId("00000000100000000001");
const ofSize = (name: string, bytes: number): BlobRef => ({ sha256: name, bytes });

describe("texts of blobs", () => {
  it("I9: are kept up to a bound, those read last; the same one is counted once", () => {
    const texts = new BlobTexts(openMemoryBlobs());
    const half = BLOB_TEXT_BYTES_MAX / 2;
    for (let time = 0; time < 100; time++) texts.keep(ofSize("a", half), json("1"));
    texts.keep(ofSize("b", half), json("2"));
    const kept = (): unknown[] => ["a", "b", "c"].map((name) => texts.text(ofSize(name, half)));
    expect(kept()).toEqual(["1", "2", undefined]);
    texts.keep(ofSize("a", half), json("1"));
    texts.keep(ofSize("c", 1), json("3"));
    expect(kept()).toEqual(["1", undefined, "3"]);
    texts.keep(ofSize("b", half - 1), json("2"));
    expect(kept()).toEqual(["1", "2", "3"]);
  });

  it("are read for the run that owns them, and are not there for one that does not", async () => {
    const blobs = openMemoryBlobs();
    const texts = new BlobTexts(blobs);
    const ref = await blobs.put(RUN, Buffer.from('"é"'));
    expect(await texts.read(RUN, ref)).toBe('"é"');
    expect(await texts.read(runId("00000000100000000002"), ref)).toBeUndefined();
  });
});
