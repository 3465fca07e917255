// Holds what the server says of its runs, over the public API alone, against what the client and the worker logged.
import { readFile } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import type { Client } from "@millrace/sdk/client/client.ts";
import type { Run } from "@millrace/sdk/client/run.ts";
import type { Timeline, TimelineStep } from "@millrace/sdk/client/timeline.ts";
import { type AttemptLine, readAttempts } from "./attempt-log.ts";
import type { ClientLine, EndLine } from "./load.ts";
import { CRASH_WORKFLOWS, FLAKY_SUCCEEDS_AT, ITEMS } from "./workflows.ts";

/** Timelines asked for at once. */
const READS_AT_ONCE = 16;

/** Findings told; the first few say what is wrong. */
const FINDINGS_MAX = 20;

/** What was found. */
export interface Audit {
  /** What should not be; empty if all is well. */
  readonly findings: readonly string[];
  readonly runs: number;
  /** Results of steps and items in the history. */
  readonly results: number;
  /** Executions the worker logged. */
  readonly executions: number;
  /** Executions of an attempt that had been executed before. */
  readonly repeated: number;
  /** Attempts the history gave up as lost with their worker. */
  readonly lost: number;
}

export interface AuditSources {
  readonly client: Client;
  readonly clientLog: string;
  readonly workerLog: string;
}

/** Everything must have ended before. */
export async function audit({ client, clientLog, workerLog }: AuditSources): Promise<Audit> {
  const [said, attempts] = await Promise.all([readClientLog(clientLog), readAttempts(workerLog)]);
  const auditor = new Auditor(said, attempts);
  const runs: Run[] = [];
  for await (const run of client.listRuns({ pageSize: 1000 })) runs.push(run);
  auditor.checkList(runs);
  await auditor.checkAnswers(client);
  const rest = [...runs];
  const reader = async (): Promise<void> => {
    for (let run = rest.pop(); run !== undefined; run = rest.pop()) {
      auditor.checkRun(await client.getTimeline(run.runId));
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, reader));
  return auditor.sum();
}

/** What the client knows of one key. */
interface Account {
  readonly workflow: string;
  readonly order: number;
  readonly runIds: Set<string>;
  readonly ends: EndLine[];
  signalled: boolean;
}

async function readClientLog(path: string): Promise<Map<string, Account>> {
  const accounts = new Map<string, Account>();
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line !== "");
  for (const text of lines) {
    const line: unknown = JSON.parse(text);
    if (!isClientLine(line)) throw new Error(`The client's log has a line that says nothing: ${text}`);
    if (line.type === "submitted") {
      const { key, workflow, order } = line;
      // Submitted again after a refusal, it stays one account.
      if (!accounts.has(key)) accounts.set(key, { workflow, order, runIds: new Set(), ends: [], signalled: false });
      continue;
    }
    const account = accounts.get(line.key);
    if (account === undefined) throw new Error(`The client's log has ${line.type} of ${line.key} and no submission.`);
    if (line.type === "started") account.runIds.add(line.runId);
    else if (line.type === "signalled") account.signalled = true;
    else account.ends.push(line.end);
  }
  return accounts;
}

/** Tells what the client wrote from anything else. */
function isClientLine(value: unknown): value is ClientLine {
  return typeof value === "object" && value !== null && "type" in value && "key" in value;
}

class Auditor {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #attempts = new Map<string, AttemptLine[]>();
  readonly #executions: number;
  readonly #findings: string[] = [];
  readonly #runIds = new Set<string>();
  readonly #keys = new Map<string, string>();
  #results = 0;
  #lost = 0;

  constructor(accounts: ReadonlyMap<string, Account>, attempts: readonly AttemptLine[]) {
    this.#accounts = accounts;
    this.#executions = attempts.length;
    for (const line of attempts) {
      const place = placeOf(line.runId, line.step, line.item);
      const lines = this.#attempts.get(place);
      if (lines === undefined) this.#attempts.set(place, [line]);
      else lines.push(line);
    }
  }

  /** History holds the runs that were submitted, each once, and no other. */
  checkList(runs: readonly Run[]): void {
    const keys = new Set<string>();
    for (const { runId, idempotencyKey: key, status, epoch } of runs) {
      this.#expect(!this.#runIds.has(runId), `${runId} is listed twice`);
      this.#expect(!keys.has(key), `${key} has started two runs`);
      this.#expect(this.#accounts.has(key), `${runId} was started by nobody: ${key}`);
      this.#expect(status === "completed" && epoch === 1, `${runId} is ${status} in epoch ${epoch}`);
      this.#runIds.add(runId);
      keys.add(key);
    }
    for (const [key, { runIds, ends }] of this.#accounts) {
      this.#expect(runIds.size === 1, `${key} was answered with the runs ${[...runIds].join(", ")}`);
      for (const runId of runIds) this.#expect(this.#runIds.has(runId), `${runId} was acked and is gone`);
      this.#expect(ends.length === 1, `${key} was told ${ends.length} ends`);
    }
    const ghost = [...this.#attempts.values()].find(([line]) => !this.#runIds.has(line?.runId ?? ""));
    this.#expect(ghost === undefined, `a task was given out of a run that is not there: ${JSON.stringify(ghost)}`);
  }

  /** Whoever asks again gets the first answer. */
  async checkAnswers(client: Client): Promise<void> {
    const accounts = [...this.#accounts];
    const requests = accounts.map(([idempotencyKey, { workflow, order }]) => ({
      workflow,
      input: { order },
      idempotencyKey,
    }));
    for (let from = 0; from < requests.length; from += 1000) {
      const answers = await client.startRuns(requests.slice(from, from + 1000));
      for (const [index, answer] of answers.entries()) {
        const [key, account] = accounts[from + index] ?? [];
        const same = "runId" in answer && answer.repeated && account?.runIds.has(answer.runId) === true;
        this.#expect(same, `asked again, ${key} got ${JSON.stringify(answer)}`);
      }
    }
  }

  /** The run ended once as its definition says, every result was recorded once, and the worker knows each. */
  checkRun({ run, steps }: Timeline): void {
    const account = this.#accounts.get(run.idempotencyKey);
    const workflow = CRASH_WORKFLOWS.find(({ name }) => name === run.workflow);
    if (account === undefined || workflow === undefined) return;
    const results = workflow.tasks.map((task) => noncesOf(steps, task));
    const signal = workflow.wantsSignal ? { signal: { key: run.idempotencyKey } } : {};
    const output = { order: account.order, results, ...signal };
    this.#expect(isDeepStrictEqual(run.output, output), `${run.runId} put out ${JSON.stringify(run.output)}`);
    for (const end of account.ends) {
      const { runId, status, endTime } = run;
      const kept = { runId, status, output: run.output, endMs: endTime?.getTime() };
      this.#expect(isDeepStrictEqual({ ...end }, kept), `${runId} was told as ${JSON.stringify(end)}`);
    }
    for (const task of steps.filter(({ uses }) => uses.startsWith("crash."))) {
      const index = workflow.tasks.indexOf(task.step);
      if (task.step === "each" && task.item === -1) {
        this.#expect(task.itemsCompleted === ITEMS, `${run.runId} has ${task.itemsCompleted} items`);
      } else this.#checkTask(run.runId, task, index === 0 ? null : results[index - 1]);
    }
  }

  sum(): Audit {
    const attempts = new Set<string>();
    for (const [place, lines] of this.#attempts) for (const { attempt } of lines) attempts.add(`${place}/${attempt}`);
    return {
      findings: this.#findings.slice(0, FINDINGS_MAX),
      runs: this.#runIds.size,
      results: this.#results,
      executions: this.#executions,
      repeated: this.#executions - attempts.size,
      lost: this.#lost,
    };
  }

  #checkTask(runId: string, task: TimelineStep, seen: unknown): void {
    const place = placeOf(runId, task.step, task.item);
    const lines = this.#attempts.get(place) ?? [];
    const nonce = nonceOf(task.output);
    this.#results += 1;
    this.#expect(task.status === "completed", `${place} is ${task.status}`);
    const executed = lines.some((line) => line.nonce === nonce && line.attempt === task.attempts);
    this.#expect(executed, `${place} recorded ${String(nonce)} of attempt ${task.attempts}; no worker made that`);
    for (const { attempt, idempotencyKey, seen: told } of lines) {
      this.#expect(attempt <= task.attempts, `${place} was tried a ${attempt}th time, history knows ${task.attempts}`);
      this.#expect((this.#keys.get(idempotencyKey) ?? place) === place, `${place} and another have one key`);
      this.#keys.set(idempotencyKey, place);
      this.#expect(isDeepStrictEqual(told, seen), `${place} was told ${JSON.stringify(told)}, recorded is another`);
    }
    this.#expect(new Set(lines.map((line) => line.idempotencyKey)).size === 1, `${place} has several keys`);
    for (const { attempt, failure } of task.failedAttempts) {
      if (failure?.code === "WORKER_LOST") this.#lost += 1;
      else this.#expect(attempt < FLAKY_SUCCEEDS_AT, `${place} failed in attempt ${attempt}: ${failure?.message}`);
    }
  }

  #expect(holds: boolean, finding: string): void {
    if (!holds) this.#findings.push(finding);
  }
}

function placeOf(runId: string, step: string, item: number): string {
  return `${runId}/${step}/${item}`;
}

/** The nonces recorded for a task step; a list for one over items. */
function noncesOf(steps: readonly TimelineStep[], step: string): unknown {
  const own = steps.find((entry) => entry.step === step && entry.item === -1);
  if (step !== "each") return nonceOf(own?.output);
  return steps.filter((entry) => entry.step === step && entry.item >= 0).map(({ output }) => nonceOf(output));
}

function nonceOf(output: unknown): unknown {
  return typeof output === "object" && output !== null && "nonce" in output ? output.nonce : undefined;
}
