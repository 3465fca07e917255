// What every archive must do. An adapter's test calls `archiveConformance` with a place it makes.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Archive, ArchiveDamaged } from "./archive.ts";

/** A place that keeps what is archived when the archive is closed and opened again. */
export interface ArchivePlace extends AsyncDisposable {
  open(): Promise<Archive>;
  /** Changes a byte of what is stored by this name, or takes one away. */
  damage(name: string, how: "change" | "shorten"): Promise<void>;
}

/** More than one piece in any adapter. */
const LARGE_BYTES = 3_000_000;

async function* chunksOf(bytes: Uint8Array, chunkBytes = 100_000): AsyncGenerator<Uint8Array> {
  // One buffer for all: a chunk is only good until the next one.
  const buffer = Buffer.alloc(chunkBytes);
  for (let from = 0; from < bytes.length; from += chunkBytes) {
    const part = bytes.subarray(from, from + chunkBytes);
    buffer.set(part);
    yield await Promise.resolve(buffer.subarray(0, part.length));
    buffer.fill(0);
  }
}

async function bytesOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<Buffer | undefined> {
  if (chunks === undefined) return undefined;
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Reads to the end or the first error; rejects with that. */
async function drained(archive: Archive, name: string): Promise<void> {
  await bytesOf(await archive.get(name));
}

/** Bytes that differ from one piece to the next: 251 is prime. */
const PERIOD = Uint8Array.from({ length: 251 }, (_, index) => index);

function pattern(bytes: number): Buffer {
  return Buffer.alloc(bytes, PERIOD);
}

export function archiveConformance(name: string, place: () => Promise<ArchivePlace>): void {
  describe(`${name} archive`, () => {
    let at: ArchivePlace;
    let archive: Archive;
    let serial = 0;
    const aName = (): string => `test/a${serial++}`;
    const put = (called: string, text: string): Promise<unknown> => archive.put(called, chunksOf(Buffer.from(text)));
    const names = async (prefix: string): Promise<string[]> =>
      (await archive.list(prefix)).map((archived) => archived.name);

    beforeAll(async () => {
      at = await place();
      archive = await at.open();
    });
    afterAll(async () => {
      await archive.close();
      await at[Symbol.asyncDispose]();
    });

    it("gives back what was put, also when opened again", async () => {
      const called = aName();
      const bytes = pattern(LARGE_BYTES);
      const archived = await archive.put(called, chunksOf(bytes));
      expect(archived).toMatchObject({ name: called, bytes: LARGE_BYTES });
      expect((await bytesOf(await archive.get(called)))?.equals(bytes)).toBe(true);
      await archive.close();
      archive = await at.open();
      expect((await bytesOf(await archive.get(called)))?.equals(bytes)).toBe(true);
      expect(await archive.list(called)).toEqual([archived]);
    });

    it("has nothing that was never put", async () => {
      const called = aName();
      await put(`${called}/below`, "x");
      expect(await archive.get(called)).toBeUndefined();
      expect(await archive.get(`${called}/below/it`)).toBeUndefined();
      expect(await archive.get("test")).toBeUndefined();
    });

    it("takes things without bytes, and names below other names", async () => {
      const called = aName();
      expect(await archive.put(`${called}/a/b`, chunksOf(Buffer.alloc(0)))).toMatchObject({ bytes: 0 });
      await put(`${called}/a`, "above");
      await put(`${called}/a/b/c`, "below");
      expect((await bytesOf(await archive.get(`${called}/a/b`)))?.length).toBe(0);
      expect((await bytesOf(await archive.get(`${called}/a`)))?.toString()).toBe("above");
      await archive.drop(`${called}/a`);
      expect(await names(called)).toEqual([`${called}/a/b`, `${called}/a/b/c`]);
    });

    it("replaces what has the same name, whatever the sizes", async () => {
      const called = aName();
      for (const bytes of [10, LARGE_BYTES, 0, 1_000_000]) {
        await archive.put(called, chunksOf(pattern(bytes)));
        expect((await bytesOf(await archive.get(called)))?.equals(pattern(bytes))).toBe(true);
      }
      expect(await archive.list(called)).toMatchObject([{ name: called, bytes: 1_000_000 }]);
    });

    it("lists by the beginning of names, in order", async () => {
      const root = aName();
      for (const tail of ["s2/p1", "s1/p10", "s1/p2", "s10/p1", "s1"]) await put(`${root}/${tail}`, tail);
      expect(await names(`${root}/s1`)).toEqual(["s1", "s1/p10", "s1/p2", "s10/p1"].map((tail) => `${root}/${tail}`));
      expect(await names(`${root}/s1/`)).toEqual([`${root}/s1/p10`, `${root}/s1/p2`]);
      expect(await names(`${root}/s1/p1`)).toEqual([`${root}/s1/p10`]);
      expect(await names(`${root}/nothing`)).toEqual([]);
      expect(await names("")).toEqual(expect.arrayContaining([`${root}/s2/p1`]));
    });

    it("says when things were stored", async () => {
      const [first, second] = [aName(), aName()];
      await put(first, "1");
      await put(second, "2");
      const [one, two] = [...(await archive.list(first)), ...(await archive.list(second))];
      expect(one?.storedMs).toBeGreaterThan(Date.now() - 60_000);
      expect(two?.storedMs).toBeGreaterThanOrEqual(one?.storedMs ?? Number.NaN);
    });

    it("drops, also what is not there, and nothing else", async () => {
      const called = aName();
      await put(`${called}/goes`, "1");
      await put(`${called}/stays`, "2");
      await archive.drop(`${called}/goes`);
      await archive.drop(`${called}/goes`);
      await archive.drop(`${called}/never/was`);
      expect(await archive.get(`${called}/goes`)).toBeUndefined();
      expect(await names(called)).toEqual([`${called}/stays`]);
      await put(`${called}/goes`, "again");
      expect((await bytesOf(await archive.get(`${called}/goes`)))?.toString()).toBe("again");
    });

    it("shows nothing of what is being put, and leaves nothing of what broke off", async () => {
      const called = aName();
      await put(called, "old");
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* chunksOf(pattern(LARGE_BYTES));
        expect((await bytesOf(await archive.get(called)))?.toString()).toBe("old");
        expect(await archive.list(called)).toMatchObject([{ bytes: 3 }]);
        throw new Error("the source broke off");
      }
      await expect(archive.put(called, broken())).rejects.toThrow("the source broke off");
      expect((await bytesOf(await archive.get(called)))?.toString()).toBe("old");
      await expect(archive.put(`${called}/new`, broken())).rejects.toThrow("the source broke off");
      expect(await names(called)).toEqual([called]);
    });

    it("throws when what is stored is not what was put, and mends what is put again", async () => {
      for (const how of ["change", "shorten"] as const) {
        const called = aName();
        await archive.put(called, chunksOf(pattern(LARGE_BYTES)));
        await at.damage(called, how);
        await expect(drained(archive, called)).rejects.toThrow(ArchiveDamaged);
        expect(await names(called)).toEqual([called]);
        await archive.put(called, chunksOf(pattern(LARGE_BYTES)));
        expect((await bytesOf(await archive.get(called)))?.length).toBe(LARGE_BYTES);
      }
    });

    it("lets several read and write at once", async () => {
      const called = [aName(), aName(), aName()];
      await Promise.all(called.map((each, index) => archive.put(each, chunksOf(pattern(1_000_000 + index)))));
      const read = await Promise.all(
        [...called, ...called].map(async (each) => await bytesOf(await archive.get(each))),
      );
      expect(read.map((bytes) => bytes?.length)).toEqual(
        [...called, ...called].map((_, index) => 1_000_000 + (index % 3)),
      );
      const raced = aName();
      await Promise.all([put(raced, "x".repeat(500_000)), put(raced, "y".repeat(500_000))]);
      expect((await bytesOf(await archive.get(raced)))?.toString()).toMatch(/^(?:x{500000}|y{500000})$/);
    });

    it("lets go of what is read in part only", async () => {
      const called = aName();
      await archive.put(called, chunksOf(pattern(LARGE_BYTES)));
      await archive.get(called);
      for await (const chunk of (await archive.get(called)) ?? []) {
        expect(chunk[0]).toBe(0);
        break;
      }
      await archive.drop(called);
      expect(await names(called)).toEqual([]);
    });

    it("I8: refuses names that are none", async () => {
      for (const wrong of ["", "/", "a/", "/a", "a//b", "..", "a/../b", "a.b", "a b", "n".repeat(256)]) {
        await expect(put(wrong, "x")).rejects.toThrow(RangeError);
        await expect(archive.get(wrong)).rejects.toThrow(RangeError);
        await expect(archive.drop(wrong)).rejects.toThrow(RangeError);
      }
    });
  });
}
