// What every bus must do. An adapter's test calls `busConformance` with a way to connect handles to one server.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bus, BusCut, type BusMessage, MESSAGE_BYTES_MAX } from "./bus.ts";

/** A server and its handles. */
export interface BusPlace extends AsyncDisposable {
  connect(name: string): Promise<Bus>;
}

/** More than any adapter's buffers hold at once. */
const MANY = 10_000;
const GENEROUS_MS = 20_000;
/** How long nobody may answer before a request is given up. */
const SHORT_MS = 50;

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** What was heard so far, in words: `subject=data`, `subject=data>reply`, `subject!nobody`. */
class Ear {
  readonly heard: string[] = [];
  readonly #waits: { readonly count: number; readonly resolve: () => void }[] = [];

  readonly hear = (message: BusMessage): void => {
    if (message.type === "nobody") this.heard.push(`${message.subject}!nobody`);
    else {
      const reply = message.reply === "" ? "" : `>${message.reply}`;
      this.heard.push(`${message.subject}=${Buffer.from(message.data).toString()}${reply}`);
    }
    for (const wait of this.#waits) if (wait.count <= this.heard.length) wait.resolve();
  };

  async until(count: number): Promise<readonly string[]> {
    if (this.heard.length < count) {
      await new Promise<void>((resolve) => {
        this.#waits.push({ count, resolve });
      });
    }
    return this.heard;
  }
}

export function busConformance(name: string, place: () => Promise<BusPlace>): void {
  describe(`${name} bus`, () => {
    let at: BusPlace;
    let [alice, bob, carol]: Bus[] = [];
    let serial = 0;
    const aSubject = (): string => `test.${serial++}`;
    const all = (): [Bus, Bus, Bus] => {
      if (alice === undefined || bob === undefined || carol === undefined) throw new Error("They are not connected.");
      return [alice, bob, carol];
    };

    beforeAll(async () => {
      at = await place();
      [alice, bob, carol] = await Promise.all(["alice", "bob", "carol"].map((who) => at.connect(who)));
    });
    afterAll(async () => {
      await Promise.all(all().map((bus) => bus.close()));
      await at[Symbol.asyncDispose]();
    });

    it("brings a message to everyone who listens, itself too, once each subscription", async () => {
      const [a, b, c] = all();
      const subject = aSubject();
      const ears = [a, b, b, c].map((bus) => {
        const ear = new Ear();
        bus.subscribe(subject, ear.hear);
        return ear;
      });
      await Promise.all([a.settled(), b.settled(), c.settled()]);
      a.publish(subject, bytes("one"));
      a.publish(subject, bytes(""));
      for (const ear of ears) expect(await ear.until(2)).toEqual([`${subject}=one`, `${subject}=`]);
      await a.settled();
      for (const ear of ears) expect(ear.heard).toHaveLength(2);
    });

    it("brings what its subjects match, and nothing else", async () => {
      const [a, b] = all();
      const root = aSubject();
      const ears = [`${root}.x`, `${root}.*`, `${root}.*.z`, `${root}.>`].map((pattern) => {
        const ear = new Ear();
        b.subscribe(pattern, ear.hear);
        return ear;
      });
      await b.settled();
      for (const tail of ["", ".x", ".y", ".x.z", ".x.y.z"]) a.publish(`${root}${tail}`, bytes(tail));
      const [exact, one, deep, rest] = ears;
      expect(await rest?.until(4)).toEqual([".x", ".y", ".x.z", ".x.y.z"].map((tail) => `${root}${tail}=${tail}`));
      expect(exact?.heard).toEqual([`${root}.x=.x`]);
      expect(one?.heard).toEqual([`${root}.x=.x`, `${root}.y=.y`]);
      expect(deep?.heard).toEqual([`${root}.x.z=.x.z`]);
    });

    it("keeps the order of what one process publishes, over all subjects", async () => {
      const [a, b] = all();
      const root = aSubject();
      const ear = new Ear();
      b.subscribe(`${root}.*`, ear.hear);
      await b.settled();
      for (let count = 0; count < MANY; count++) a.publish(`${root}.${count % 7}`, bytes(String(count)));
      const heard = await ear.until(MANY);
      expect(heard.map((line) => Number(line.split("=")[1]))).toEqual(
        Array.from({ length: MANY }, (_, count) => count),
      );
    });

    it("brings nothing to a subscription that has ended", async () => {
      const [a, b] = all();
      const subject = aSubject();
      const [stays, goes] = [new Ear(), new Ear()];
      b.subscribe(subject, stays.hear);
      const unsubscribe = b.subscribe(subject, goes.hear);
      await b.settled();
      a.publish(subject, bytes("1"));
      await goes.until(1);
      unsubscribe();
      unsubscribe();
      a.publish(subject, bytes("2"));
      await stays.until(2);
      expect(goes.heard).toEqual([`${subject}=1`]);
    });

    it("carries answers to a subject below the inbox, which is a handle's own", async () => {
      const [a, b] = all();
      expect(a.inbox).not.toBe(b.inbox);
      const subject = aSubject();
      const ear = new Ear();
      a.subscribe(`${a.inbox}.>`, ear.hear);
      b.subscribe(subject, (message) => {
        if (message.type === "message") b.publish(message.reply, bytes(`not ${Buffer.from(message.data).toString()}`));
      });
      await Promise.all([a.settled(), b.settled()]);
      a.publish(subject, bytes("this"), `${a.inbox}.q.1`);
      expect(await ear.until(1)).toEqual([`${a.inbox}.q.1=not this`]);
    });

    it("says at once that nobody listens, to whom a reply matters", async () => {
      const [a, b] = all();
      const subject = aSubject();
      const ear = new Ear();
      a.subscribe(`${a.inbox}.>`, ear.hear);
      const unsubscribe = b.subscribe(subject, () => {});
      await Promise.all([a.settled(), b.settled()]);
      a.publish(subject, bytes("heard"), `${a.inbox}.1`);
      a.publish(`${subject}.nowhere`, bytes("unheard"));
      a.publish(`${subject}.nowhere`, bytes("unheard"), `${a.inbox}.2`);
      expect(await ear.until(1)).toEqual([`${a.inbox}.2!nobody`]);
      unsubscribe();
      await b.settled();
      a.publish(subject, bytes("too late"), `${a.inbox}.3`);
      expect(await ear.until(2)).toEqual([`${a.inbox}.2!nobody`, `${a.inbox}.3!nobody`]);
    });

    it("answers requests: with the first answer, with nobody, with silence", async () => {
      const [a, b] = all();
      const [echo, deaf] = [aSubject(), aSubject()];
      b.subscribe(echo, (message) => {
        if (message.type !== "message") return;
        b.publish(message.reply, message.data);
        b.publish(message.reply, bytes("a second answer"));
      });
      b.subscribe(deaf, () => {});
      await b.settled();
      const asked = Array.from({ length: 100 }, (_, count) => a.request(echo, bytes(String(count)), GENEROUS_MS));
      for (const [count, answer] of (await Promise.all(asked)).entries()) {
        expect(answer.type === "answered" && Buffer.from(answer.data).toString()).toBe(String(count));
      }
      expect(await a.request(`${echo}.nowhere`, bytes("?"), GENEROUS_MS)).toEqual({ type: "nobody" });
      expect(await a.request(deaf, bytes("?"), SHORT_MS)).toEqual({ type: "silent" });
    });

    it("I9: takes messages up to its bound and refuses larger ones with the bound", async () => {
      const [a, b] = all();
      const subject = aSubject();
      const sizes: number[] = [];
      const ear = new Ear();
      b.subscribe(subject, (message) => {
        if (message.type === "message") sizes.push(message.data.length);
        ear.hear({ type: "nobody", subject });
      });
      await b.settled();
      a.publish(subject, new Uint8Array(MESSAGE_BYTES_MAX), `${a.inbox}.1`);
      await ear.until(1);
      expect(sizes).toEqual([MESSAGE_BYTES_MAX]);
      const tooLarge = new Uint8Array(MESSAGE_BYTES_MAX + 1);
      expect(() => a.publish(subject, tooLarge)).toThrow(RangeError);
      expect(() => a.publish(subject, tooLarge)).toThrow(String(MESSAGE_BYTES_MAX));
      await expect(a.request(subject, tooLarge, GENEROUS_MS)).rejects.toThrow(RangeError);
    });

    it("I8: refuses subjects that are none", async () => {
      const [a] = all();
      for (const subject of ["", "a b", "a..b", "a\r\nPUB b 0", "a.*", "a.>"]) {
        expect(() => a.publish(subject, bytes(""))).toThrow(RangeError);
        await expect(a.request(subject, bytes(""), GENEROUS_MS)).rejects.toThrow(RangeError);
      }
      expect(() => a.publish("a", bytes(""), "b c")).toThrow(RangeError);
      for (const pattern of ["", "a b", "a..b", "a*", "a.>.b"]) {
        expect(() => a.subscribe(pattern, () => {})).toThrow(RangeError);
      }
    });

    it("is connected, sends what was published before it is closed, and is silent afterwards", async () => {
      const [a] = all();
      const subject = aSubject();
      const ear = new Ear();
      a.subscribe(subject, ear.hear);
      await a.settled();
      const dora = await at.connect("dora");
      const hers = new Ear();
      dora.subscribe(subject, hers.hear);
      expect(dora.connected).toBe(true);
      await dora.settled();
      const unanswered = dora.request(subject, bytes("?"), GENEROUS_MS);
      dora.publish(subject, bytes("bye"));
      await dora.close();
      await dora.close();
      expect(await unanswered).toEqual({ type: "silent" });
      expect(dora.connected).toBe(false);
      expect((await ear.until(2)).at(-1)).toBe(`${subject}=bye`);
      const heard = hers.heard.length;
      dora.publish(subject, bytes("from the grave"));
      dora.subscribe(subject, hers.hear)();
      expect(await dora.request(subject, bytes("?"), GENEROUS_MS)).toEqual({ type: "silent" });
      await expect(dora.settled()).rejects.toThrow(BusCut);
      a.publish(subject, bytes("still here"));
      expect((await ear.until(3)).at(-1)).toBe(`${subject}=still here`);
      expect(hers.heard).toHaveLength(heard);
    });
  });
}
