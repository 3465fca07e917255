// What every blob store must do. An adapter's test calls `blobsConformance` with a way to open, and open again, one place.
import { hash } from "node:crypto";
import { type RunId, runId } from "@millrace/model/ids.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Blobs } from "./blobs.ts";

/** A place that keeps blobs when the store is closed and opened again. */
export interface BlobsPlace {
  open(): Promise<Blobs>;
  discard(): Promise<void>;
}

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** A run ID that ends with this serial number. */
export function runOf(serial: number): RunId {
  return runId(`01jq3zz0h001zzzzzz${ALPHABET.charAt(serial >> 5)}${ALPHABET.charAt(serial & 31)}`);
}

export function blobsConformance(name: string, place: () => Promise<BlobsPlace>): void {
  describe(`${name} blobs`, () => {
    let at: BlobsPlace;
    let blobs: Blobs;
    let serial = 0;
    const aRun = (): RunId => runOf(++serial);
    const bytes = Buffer.alloc(100_000, "a payload ");

    beforeAll(async () => {
      at = await place();
      blobs = await at.open();
    });
    afterAll(async () => {
      await blobs.close();
      await at.discard();
    });

    it("gives back what was put, also when opened again", async () => {
      const run = aRun();
      const ref = await blobs.put(run, bytes);
      expect(ref).toEqual({ sha256: hash("sha256", bytes, "hex"), bytes: bytes.length });
      expect(Buffer.from((await blobs.get(run, ref)) ?? []).equals(bytes)).toBe(true);
      await blobs.close();
      blobs = await at.open();
      expect(Buffer.from((await blobs.get(run, ref)) ?? []).equals(bytes)).toBe(true);
    });

    it("has nothing for another run, another hash or a name that is no hash", async () => {
      const run = aRun();
      const ref = await blobs.put(run, bytes);
      expect(await blobs.get(aRun(), ref)).toBeUndefined();
      expect(await blobs.get(run, { sha256: "0".repeat(64), bytes: 1 })).toBeUndefined();
      expect(await blobs.get(run, { sha256: `../${run}/${ref.sha256}`, bytes: 1 })).toBeUndefined();
    });

    it("stores the same bytes once, also when put twice at once", async () => {
      const run = aRun();
      const refs = await Promise.all([
        blobs.put(run, bytes),
        blobs.put(run, bytes),
        blobs.put(run, Buffer.from("other")),
      ]);
      expect(await blobs.put(run, bytes)).toEqual(refs[0]);
      expect(refs[1]).toEqual(refs[0]);
      for (const ref of refs) expect((await blobs.get(run, ref))?.length).toBe(ref.bytes);
    });

    it("takes empty bytes", async () => {
      const run = aRun();
      const ref = await blobs.put(run, new Uint8Array());
      expect((await blobs.get(run, ref))?.length).toBe(0);
    });

    it("drops everything of one run, and nothing of its neighbours", async () => {
      const [gone, stays] = [aRun(), aRun()];
      const refs = [await blobs.put(gone, bytes), await blobs.put(gone, Buffer.from("second"))];
      const kept = await blobs.put(stays, bytes);
      await blobs.drop(gone);
      await blobs.drop(gone);
      for (const ref of refs) expect(await blobs.get(gone, ref)).toBeUndefined();
      expect((await blobs.get(stays, kept))?.length).toBe(bytes.length);
      const again = await blobs.put(gone, bytes);
      expect((await blobs.get(gone, again))?.length).toBe(bytes.length);
    });

    it("visits every run that owns blobs, and when its newest was written", async () => {
      const [first, second, dropped] = [aRun(), aRun(), aRun()];
      for (const run of [first, second, dropped]) await blobs.put(run, bytes);
      await blobs.drop(dropped);
      const owners = new Map<RunId, number>();
      await blobs.owners((run, newestMs) => void owners.set(run, newestMs));
      expect(owners.has(dropped)).toBe(false);
      const [before, other] = [owners.get(first), owners.get(second)];
      expect(before).toBeGreaterThan(0);
      expect(other).toBeGreaterThanOrEqual(before ?? Number.NaN);
    });
  });
}
