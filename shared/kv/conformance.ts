// What every common memory must do. An adapter's test calls `kvConformance` with a way to connect handles to one store.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KV_VALUE_BYTES_MAX, type Kv, type KvEntry, type KvOutcome } from "./kv.ts";

/** A store, empty at first, and its handles. */
export interface KvPlace extends AsyncDisposable {
  connect(name: string): Promise<Kv>;
}

/** Writers that race for one key. */
const RACERS = 8;

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | null | undefined): string | null =>
  value === null || value === undefined ? null : Buffer.from(value).toString();

function revisionOf(outcome: KvOutcome): number {
  expect(outcome.type).toBe("put");
  return outcome.type === "put" ? outcome.revision : Number.NaN;
}

/** What a watch was told, in words: `key=value`, `key deleted`, `caught up`. */
class Ear {
  readonly told: string[] = [];
  readonly entries: KvEntry[] = [];
  readonly #waits: { readonly line: string; readonly resolve: () => void }[] = [];

  readonly changed = (entry: KvEntry): void => {
    this.entries.push(entry);
    this.#note(entry.value === null ? `${entry.key} deleted` : `${entry.key}=${text(entry.value)}`);
  };

  readonly caughtUp = (): void => {
    this.#note("caught up");
  };

  async until(line: string): Promise<readonly string[]> {
    if (!this.told.includes(line)) {
      await new Promise<void>((resolve) => {
        this.#waits.push({ line, resolve });
      });
    }
    return this.told;
  }

  #note(line: string): void {
    this.told.push(line);
    for (const wait of this.#waits) if (wait.line === line) wait.resolve();
  }
}

export function kvConformance(name: string, place: () => Promise<KvPlace>): void {
  describe(`${name} kv`, () => {
    let at: KvPlace;
    let [alice, bob]: Kv[] = [];
    let serial = 0;
    const aKey = (): string => `test.k${serial++}`;
    const both = (): [Kv, Kv] => {
      if (alice === undefined || bob === undefined) throw new Error("They are not connected.");
      return [alice, bob];
    };

    beforeAll(async () => {
      at = await place();
      [alice, bob] = await Promise.all([at.connect("alice"), at.connect("bob")]);
    });
    afterAll(async () => {
      await Promise.all(both().map((kv) => kv.close()));
      await at[Symbol.asyncDispose]();
    });

    it("has nothing that was never put", async () => {
      const [a] = both();
      expect(await a.get(aKey())).toBeUndefined();
    });

    it("gives back what was put, with the revision that is needed to change it", async () => {
      const [a, b] = both();
      const key = aKey();
      const first = revisionOf(await a.put(key, bytes("one"), 0));
      expect(first).toBeGreaterThan(0);
      expect(await a.get(key)).toMatchObject({ key, revision: first });
      expect(text((await b.get(key))?.value)).toBe("one");
      const second = revisionOf(await b.put(key, bytes(""), first));
      expect(second).toBeGreaterThan(first);
      expect(text((await a.get(key))?.value)).toBe("");
      expect(await a.get(`${key}.below`)).toBeUndefined();
    });

    it("I2: refuses a write on top of any revision but the newest, and changes nothing", async () => {
      const [a, b] = both();
      const key = aKey();
      expect(await a.put(key, bytes("x"), 17)).toEqual({ type: "stale" });
      const first = revisionOf(await a.put(key, bytes("first"), 0));
      const second = revisionOf(await b.put(key, bytes("second"), first));
      for (const expected of [0, first, second + 1]) {
        expect(await a.put(key, bytes("third"), expected)).toEqual({ type: "stale" });
      }
      expect(await a.delete(key, first)).toEqual({ type: "stale" });
      expect(await a.get(key)).toMatchObject({ revision: second });
    });

    it("I2: lets one of many win who write at once", async () => {
      const [a, b] = both();
      const key = aKey();
      const race = async (expected: number): Promise<KvOutcome> => {
        const outcomes = await Promise.all(
          Array.from({ length: RACERS }, (_, racer) =>
            (racer % 2 === 0 ? a : b).put(key, bytes(String(racer)), expected),
          ),
        );
        const winners = outcomes.filter((outcome) => outcome.type === "put");
        expect(winners).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome.type === "stale")).toHaveLength(RACERS - 1);
        return winners[0] ?? { type: "stale" };
      };
      const first = revisionOf(await race(0));
      revisionOf(await race(first));
    });

    it("deletes, after which the key can be made anew, knowing its end or not", async () => {
      const [a, b] = both();
      const key = aKey();
      const first = revisionOf(await a.put(key, bytes("x"), 0));
      const end = revisionOf(await b.delete(key, first));
      expect(end).toBeGreaterThan(first);
      expect(await a.get(key)).toBeUndefined();
      expect(await a.put(key, bytes("y"), first)).toEqual({ type: "stale" });
      const again = revisionOf(await a.put(key, bytes("again"), 0));
      expect(again).toBeGreaterThan(end);
      const secondEnd = revisionOf(await a.delete(key, again));
      revisionOf(await b.put(key, bytes("and again"), secondEnd));
      expect(text((await a.get(key))?.value)).toBe("and again");
      expect(await b.put(key, bytes("no"), 0)).toEqual({ type: "stale" });
    });

    it("tells a watch what is there, that this was all, and then every change", async () => {
      const [a, b] = both();
      const root = aKey();
      const first = revisionOf(await a.put(`${root}.x`, bytes("1"), 0));
      revisionOf(await a.put(`${root}.y.z`, bytes("1"), 0));
      revisionOf(await a.put(`${root}beside`, bytes("1"), 0));
      const gone = revisionOf(await a.put(`${root}.gone`, bytes("1"), 0));
      revisionOf(await a.delete(`${root}.gone`, gone));
      const [below, exact, all] = [new Ear(), new Ear(), new Ear()];
      b.watch(root, below.changed, below.caughtUp);
      b.watch(`${root}.x`, exact.changed, exact.caughtUp);
      b.watch("", all.changed, all.caughtUp);
      expect((await below.until("caught up")).toSorted()).toEqual(
        [`${root}.x=1`, `${root}.y.z=1`, "caught up"].toSorted(),
      );
      expect(below.told.at(-1)).toBe("caught up");
      expect(await exact.until("caught up")).toEqual([`${root}.x=1`, "caught up"]);
      expect(await all.until("caught up")).toContain(`${root}beside=1`);
      const second = revisionOf(await a.put(`${root}.x`, bytes("2"), first));
      await below.until(`${root}.x=2`);
      const end = revisionOf(await a.delete(`${root}.x`, second));
      await below.until(`${root}.x deleted`);
      revisionOf(await a.put(root, bytes("itself"), 0));
      await below.until(`${root}=itself`);
      await all.until(`${root}=itself`);
      expect(below.entries.findLast((entry) => entry.key === `${root}.x`)).toMatchObject({
        revision: end,
        value: null,
      });
      await exact.until(`${root}.x deleted`);
      expect(exact.told).toEqual([`${root}.x=1`, "caught up", `${root}.x=2`, `${root}.x deleted`]);
    });

    it("never tells a watch an older revision after a newer one, and always the newest in the end", async () => {
      const [a, b] = both();
      const root = aKey();
      const ear = new Ear();
      b.watch(root, ear.changed, ear.caughtUp);
      const keys = [`${root}.a`, `${root}.b`];
      const last = new Map<string, number>();
      for (let round = 0; round < 50; round++) {
        for (const key of keys) {
          last.set(key, revisionOf(await a.put(key, bytes(String(round)), last.get(key) ?? 0)));
        }
      }
      const [first = "", second = ""] = keys;
      await Promise.all([ear.until(`${first}=49`), ear.until(`${second}=49`)]);
      for (const key of keys) {
        const revisions = ear.entries.filter((entry) => entry.key === key).map(({ revision }) => revision);
        expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
        expect(new Set(revisions).size).toBe(revisions.length);
        expect(revisions.at(-1)).toBe(last.get(key));
      }
    });

    it("tells a watch of nothing that is there, and nothing when it is over", async () => {
      const [a, b] = both();
      const root = aKey();
      const [ear, other] = [new Ear(), new Ear()];
      const unwatch = b.watch(root, ear.changed, ear.caughtUp);
      b.watch(root, other.changed);
      expect(await ear.until("caught up")).toEqual(["caught up"]);
      unwatch();
      unwatch();
      revisionOf(await a.put(root, bytes("1"), 0));
      await other.until(`${root}=1`);
      expect(ear.told).toEqual(["caught up"]);
    });

    it("I9: keeps values up to its bound and refuses larger ones, and keys that are none", async () => {
      const [a, b] = both();
      const key = aKey();
      revisionOf(await a.put(key, new Uint8Array(KV_VALUE_BYTES_MAX), 0));
      expect((await b.get(key))?.value?.length).toBe(KV_VALUE_BYTES_MAX);
      const tooLarge = new Uint8Array(KV_VALUE_BYTES_MAX + 1);
      await expect(a.put(key, tooLarge, 0)).rejects.toThrow(RangeError);
      await expect(a.put(key, tooLarge, 0)).rejects.toThrow(String(KV_VALUE_BYTES_MAX));
      for (const wrong of ["", "a b", "a..b", "a.*", ">", "a/b", "k".repeat(256)]) {
        await expect(a.get(wrong)).rejects.toThrow(RangeError);
        await expect(a.put(wrong, bytes(""), 0)).rejects.toThrow(RangeError);
        await expect(a.delete(wrong, 1)).rejects.toThrow(RangeError);
      }
      expect(() => a.watch("a b", () => {})).toThrow(RangeError);
      await expect(a.delete(key, 0)).rejects.toThrow(RangeError);
    });
  });
}
