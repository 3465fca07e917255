import { MESSAGE_BYTES_MAX } from "@millrace/bus/bus.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { slot } from "@millrace/model/ids.ts";
import { Command, type GatewayFrame, type ShardFrame } from "@millrace/rpc/generated/millrace/internal/v1/link.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Envelope } from "../../link.ts";
import { FRAME_BYTES_MAX } from "../limits.ts";
import {
  anyEnd,
  anyEnvelope,
  anyPage,
  anyQuery,
  anyRef,
  anyReply,
  anyRunId,
  anyTask,
  anyToken,
  anyView,
} from "../testdata/arbitrary-traffic.ts";
import { endMessage, endOf, refusalOf, replyMessage, replyOf } from "./answers.ts";
import { Assembly } from "./assembly.ts";
import { putCommand, readCommands } from "./commands.ts";
import {
  decodeAnnouncement,
  decodeGatewayFrame,
  decodeShardFrame,
  encodeAnnouncement,
  encodeGatewayFrame,
  encodeShardFrame,
  newGatewayFrame,
  newShardFrame,
  partsOf,
} from "./frames.ts";
import { listAnswer, pageOf, queryMessage, queryOf, runAnswer, viewOf } from "./runs.ts";
import { heldMessage, heldOf, owedMessage, owedOf, taskMessage, taskOf, tokenMessage, tokenOf } from "./tasks.ts";

/** A gateway's frame as the shard gets it. */
function sent(fill: (frame: GatewayFrame) => void): GatewayFrame {
  const frame = newGatewayFrame();
  fill(frame);
  const arrived = decodeGatewayFrame(encodeGatewayFrame(frame));
  if (arrived === undefined) throw new Error("The frame cannot be read.");
  return arrived;
}

/** A shard's frame as the gateway gets it. */
function answered(fill: (frame: ShardFrame) => void): ShardFrame {
  const frame = newShardFrame();
  fill(frame);
  const arrived = decodeShardFrame(encodeShardFrame(frame));
  if (arrived === undefined) throw new Error("The frame cannot be read.");
  return arrived;
}

function commandsOf(frame: GatewayFrame): { known: Envelope[]; unknown: number[] } {
  const known: Envelope[] = [];
  const unknown: number[] = [];
  readCommands(
    frame,
    (envelope) => known.push(envelope),
    (ref) => unknown.push(ref),
  );
  return { known, unknown };
}

const holds = <Value>(values: fc.Arbitrary<Value>, check: (value: Value) => void): void =>
  fc.assert(fc.property(values, check), { numRuns: 200 });

describe("what travels over the link arrives as it was", () => {
  it("commands, in the order of their kind", () => {
    holds(fc.array(anyEnvelope, { maxLength: 8 }), (batch) => {
      const frame = sent((to) => {
        for (const { ref, command, notifyEnd } of batch) putCommand(to, ref, command, notifyEnd);
      });
      const { known, unknown } = commandsOf(frame);
      const kind = ({ command }: Envelope): number => {
        const lists = ["start", "result", "other", "message"];
        return lists.includes(command.type) ? lists.indexOf(command.type) : lists.indexOf("other");
      };
      expect(known).toEqual(batch.toSorted((left, right) => kind(left) - kind(right)));
      expect(unknown).toEqual([]);
    });
  });

  it("replies", () => {
    holds(fc.tuple(anyReply, anyRunId), ([reply, other]) => {
      const asked = reply.type === "done" && !reply.repeated ? reply.runId : other;
      const [message] = answered((frame) => frame.replies.push(replyMessage(reply))).replies;
      expect(message === undefined ? undefined : replyOf(message, asked)).toEqual(reply);
    });
  });

  it("ends, tasks and attempts", () => {
    holds(fc.tuple(anyEnd, anyTask, anyToken, fc.boolean()), ([end, task, token, isKnown]) => {
      const owed = { ...token, tenant: task.tenant, timeoutMs: task.timeoutMs };
      const shard = answered((frame) => {
        frame.ends.push(endMessage(end));
        frame.pulled.push({ ref: 7, tasks: [taskMessage(task)], released: 3, isLast: true, left: [] });
        frame.withdrawn.push(tokenMessage(token));
        frame.owed.push(owedMessage(owed));
      });
      expect(shard.ends.map(endOf)).toEqual([end]);
      expect(shard.pulled.flatMap(({ tasks }) => tasks.map(taskOf))).toEqual([task]);
      expect(shard.withdrawn.map(tokenOf)).toEqual([token]);
      expect(shard.owed.map(owedOf)).toEqual([owed]);
      const held = { ...token, isKnown, isPresent: token.step % 2 === 0 };
      expect(sent((frame) => frame.holding.push(heldMessage(held))).holding.map(heldOf)).toEqual([held]);
    });
  });

  it("questions about runs and their answers", () => {
    holds(fc.tuple(anyRef, anyQuery, anyView, anyPage), ([ref, query, view, page]) => {
      const shard = answered((frame) => {
        frame.runs.push(runAnswer(ref, view));
        frame.lists.push(listAnswer(ref, page));
      });
      expect(shard.runs.map((answer) => [answer.ref, viewOf(answer)])).toEqual([[ref, view]]);
      expect(shard.lists.map((answer) => [answer.ref, pageOf(answer)])).toEqual([[ref, page]]);
      expect(sent((frame) => frame.listQueries.push(queryMessage(ref, query))).listQueries.map(queryOf)).toEqual([
        query,
      ]);
    });
  });

  it("announcements of owners", () => {
    const announcement = { shard: 3, term: 2 ** 40, process: "n1-abc" };
    expect(decodeAnnouncement(encodeAnnouncement(announcement))).toEqual(announcement);
  });
});

describe("a newer version", () => {
  it("may send commands and outcomes nobody here knows: they are told apart by their numbers", () => {
    const frame = sent((to) => {
      to.commands.push(Command.fromPartial({ ref: 4, runId: "r", tenant: "t" }));
      putCommand(to, 5, { type: "resume", ...to5() }, false);
      to.results.push({ ...resultWithoutOutcome(), ref: 6 });
    });
    expect(commandsOf(frame)).toMatchObject({ known: [{ ref: 5 }], unknown: [6, 4] });
  });

  it("may send fields nobody here knows: they are passed over", () => {
    const frame = newGatewayFrame();
    frame.gateway = "g";
    putCommand(frame, 5, { type: "resume", ...to5() }, false);
    const known = encodeGatewayFrame(frame);
    // A number, a text and a message of fields 1,000 and up.
    const unknown = Buffer.from([0xc0, 0x3e, 7, 0xca, 0x3e, 2, 0x68, 0x69, 0xd2, 0x3e, 2, 0x08, 1]);
    expect(decodeGatewayFrame(Buffer.concat([known, unknown]))).toEqual(decodeGatewayFrame(known));
  });

  it("may refuse with codes nobody here knows: they stay refusals, to be tried again or not", () => {
    const refused = { code: "NEW_CODE", field: "", message: "m", fix: "f", retryDelayMs: 0 };
    expect(refusalOf(refused)).toEqual({ ...refused, code: "INVALID_ARGUMENT" });
    expect(refusalOf({ ...refused, retryDelayMs: 5 }).code).toBe("SHARD_OVERLOADED");
  });

  it("may end runs as nobody here knows: an end is told all the same", () => {
    holds(anyEnd, (end) => {
      // A number the enum will have some day.
      const message = Object.assign(endMessage(end), { status: 99 });
      expect(endOf(message).status).toBe(end.failure === null ? "terminated" : "failed");
    });
  });

  it("may answer, and ask, as nobody here knows", () => {
    expect([viewOf({ ref: 1, answer: undefined }), pageOf({ ref: 1, answer: undefined })]).toEqual([
      undefined,
      undefined,
    ]);
    const query = queryMessage(1, { ...QUERY, status: "running" });
    expect(queryOf(Object.assign(query, { status: 99 }))).toBeUndefined();
  });
});

describe("bytes", () => {
  it("I9: that are no frame are passed over, whatever they are", () => {
    holds(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const decode of [decodeGatewayFrame, decodeShardFrame, decodeAnnouncement]) {
        expect(() => decode(bytes)).not.toThrow();
      }
    });
  });

  it("of a large frame travel in parts that fit, and are whole again", () => {
    const frame = newShardFrame();
    const bytes = Buffer.alloc(3 * MESSAGE_BYTES_MAX, 7);
    frame.runs.push(runAnswer(1, { ...VIEW, bytes }));
    const encoded = encodeShardFrame(frame);
    const parts = partsOf(encoded) ?? [];
    expect(parts.length).toBe(4);
    const assembly = new Assembly();
    const whole = parts.map((part) => {
      const message = encodeShardFrame({ ...newShardFrame(), session: 2 ** 31, number: 2 ** 31, term: 2 ** 50, part });
      expect(message.length).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
      return assembly.add(decodeShardFrame(message)?.part ?? part);
    });
    expect(whole.slice(0, 3)).toEqual(["more", "more", "more"]);
    expect(Buffer.compare(Buffer.from(whole[3] ?? ""), encoded)).toBe(0);
    expect(assembly.isOpen).toBe(false);
  });

  it("of a small frame travel as they are", () => {
    expect(partsOf(encodeShardFrame(newShardFrame()))).toBeNull();
  });

  it("I9: in parts that do not follow one another, or are too much, are given up", () => {
    const data = Buffer.alloc(10);
    const assembly = new Assembly();
    expect(assembly.add({ index: 1, count: 3, data })).toBe("broken");
    expect(assembly.add({ index: 0, count: 3, data })).toBe("more");
    expect(assembly.add({ index: 2, count: 3, data })).toBe("broken");
    expect(assembly.isOpen).toBe(false);
    // Never written to, so it takes no memory.
    const huge = Buffer.alloc(FRAME_BYTES_MAX / 2 + 1);
    expect(assembly.add({ index: 0, count: 3, data: huge })).toBe("more");
    expect(assembly.add({ index: 1, count: 3, data: huge })).toBe("broken");
  });
});

const RUN = mintRunId(1_767_225_600_000, slot(1), 1, 2);
const QUERY = fc.sample(anyQuery, { numRuns: 1, seed: 1 })[0] ?? neverEmpty();
const VIEW = { runId: RUN, position: viewPosition(), definition: "{}" };

function to5() {
  return { tenant: QUERY.tenant, runId: RUN };
}

function viewPosition() {
  const [sample] = fc.sample(anyPage, { numRuns: 200, seed: 1 }).flatMap((page) => ("code" in page ? [] : page.runs));
  return sample?.position ?? neverEmpty();
}

function resultWithoutOutcome(): GatewayFrame["results"][number] {
  const frame = newGatewayFrame();
  const command = fc
    .sample(anyEnvelope, { numRuns: 100, seed: 1 })
    .find((one) => one.command.type === "result")?.command;
  putCommand(frame, 1, command ?? neverEmpty(), false);
  const [result] = frame.results;
  return { ...(result ?? neverEmpty()), output: "", outputBlob: undefined, failure: undefined, cancelled: false };
}

function neverEmpty(): never {
  throw new Error("The sample is empty.");
}
