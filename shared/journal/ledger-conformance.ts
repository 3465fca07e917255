// What every journal with many writers must do. Each adapter runs this suite with a rig of its own.
import { type Position, position } from "@millrace/model/ids.ts";
import { describe, expect, it } from "vitest";
import type { Ledger, OpenLedger } from "./ledger.ts";

/** One such journal's place. */
export interface LedgerRig extends AsyncDisposable {
  readonly open: OpenLedger;
  /** Whether several processes can have it open at once. */
  readonly isShared: boolean;
  /** Nobody will know what became of the next append. */
  doubtNextAppend(): void;
  /** Resolves once a handle that was told nothing has had the time to hear what others appended. */
  heard(handle: Ledger, at: Position): Promise<void>;
}

const NOW_MS = 1_767_225_600_000;

/** A handle and the bodies it was shown. */
interface Reader {
  readonly journal: Ledger;
  readonly bodies: string[];
}

async function reader(rig: LedgerRig): Promise<Reader> {
  const bodies: string[] = [];
  const journal = await rig.open((record) => {
    bodies.push(Buffer.from(record.body).toString());
    expect(record.position).toBe(bodies.length);
  });
  return { journal, bodies };
}

function append({ journal }: Reader, body: string) {
  return journal.append(journal.visited, Buffer.from(body), NOW_MS);
}

export function ledgerConformance(adapter: string, makeRig: () => Promise<LedgerRig>): void {
  describe(`the ${adapter} ledger`, () => {
    it("shows a writer its own records, in order, and all of them to whoever opens it again", async () => {
      await using rig = await makeRig();
      const first = await reader(rig);
      expect([first.journal.visited, first.bodies]).toEqual([0, []]);
      for (const body of ["one", "", "three"]) expect(await append(first, body)).toEqual({ type: "appended" });
      expect([first.journal.visited, first.bodies]).toEqual([3, ["one", "", "three"]]);
      await first.journal.close();
      const again = await reader(rig);
      expect(again.bodies).toEqual(["one", "", "three"]);
      expect(await append(again, "four")).toEqual({ type: "appended" });
      expect(again.bodies).toHaveLength(4);
      await again.journal.close();
    });

    it("I2: refuses an append behind anything but the newest record", async () => {
      await using rig = await makeRig();
      const one = await reader(rig);
      expect(await append(one, "one")).toEqual({ type: "appended" });
      expect(await one.journal.append(position(0), Buffer.from("late"), NOW_MS)).toEqual({ type: "stale" });
      await one.journal.catchUp();
      expect(one.bodies).toEqual(["one"]);
      await one.journal.close();
    });

    it("I6: shows after a doubt what is there", async () => {
      await using rig = await makeRig();
      const one = await reader(rig);
      expect(await append(one, "one")).toEqual({ type: "appended" });
      rig.doubtNextAppend();
      expect((await append(one, "doubtful")).type).toBe("unknown");
      await one.journal.catchUp();
      const known = [...one.bodies];
      expect(await append(one, "after")).toEqual({ type: "appended" });
      expect(one.bodies).toEqual([...known, "after"]);
      await one.journal.close();
      const again = await reader(rig);
      expect(again.bodies).toEqual(one.bodies);
      await again.journal.close();
    });

    it("keeps a record's time from going back", async () => {
      await using rig = await makeRig();
      const times: number[] = [];
      const journal = await rig.open((record) => times.push(record.timeMs));
      for (const ms of [5, 3, 9]) {
        expect(await journal.append(journal.visited, Buffer.from("x"), NOW_MS + ms)).toEqual({ type: "appended" });
      }
      expect(times).toEqual([5, 5, 9].map((ms) => NOW_MS + ms));
      await journal.close();
    });

    it("gives writers that race one place each, and shows all of them the same", async () => {
      await using rig = await makeRig();
      if (!rig.isShared) return expect(rig.isShared).toBe(false);
      const readers = await Promise.all([reader(rig), reader(rig), reader(rig)]);
      const write = async (at: Reader, name: string): Promise<void> => {
        for (let left = 5; left > 0; ) {
          const outcome = await append(at, `${name}${left}`);
          if (outcome.type === "appended") left--;
          else await at.journal.catchUp();
        }
      };
      await Promise.all(readers.map((at, index) => write(at, `w${index} `)));
      for (const at of readers) await rig.heard(at.journal, position(15));
      for (const at of readers) expect(at.bodies).toEqual(readers[0]?.bodies);
      expect(readers[0]?.bodies).toHaveLength(15);
      for (const { journal } of readers) await journal.close();
    });
  });
}
