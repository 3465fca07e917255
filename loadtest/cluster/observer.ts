// Looks at the cluster and its callers several times a second, shows what it sees, and lets the story wait for what it
// wants to see.
import { setTimeout as pause } from "node:timers/promises";
import { type Account, accountLine, accountTable } from "./account.ts";
import type { ClusterNode } from "./cluster-node.ts";
import type { Screen } from "./screen.ts";
import type { SteadyLoad } from "./steady-load.ts";

/** Often enough to time a take-over, seldom enough to cost the nodes nothing. */
const LOOK_EVERY_MS = 100;

/** Rates are those of the last second; in a pipe, a line a second. */
const RATE_MS = 1_000;

interface Look {
  readonly ms: number;
  readonly started: number;
  readonly ended: number;
}

export interface ObserverOptions {
  readonly nodes: readonly ClusterNode[];
  readonly load: SteadyLoad;
  readonly screen: Screen;
  /** Nothing is looked at once it is aborted: then all waits reject. */
  readonly stopping: AbortSignal;
}

export class Observer {
  readonly #options: ObserverOptions;
  readonly #sinceMs = performance.now();
  #looks: readonly Look[] = [];
  #toldMs = performance.now();

  constructor(options: ObserverOptions) {
    this.#options = options;
  }

  /** Looks on until `seen`. Rejects with `what` was waited for when that takes longer than `timeoutMs`. */
  async until(what: string, timeoutMs: number, seen: (account: Account) => boolean): Promise<Account> {
    const giveUpMs = performance.now() + timeoutMs;
    for (;;) {
      this.#options.stopping.throwIfAborted();
      const account = await this.#look();
      if (seen(account)) return account;
      if (performance.now() > giveUpMs)
        throw new Error(`Waited ${timeoutMs / 1000} s in vain for ${what}. The last account:\n${accountLine(account)}`);
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Looks on for a while. */
  async during(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    await this.until("time to pass", ms * 2, () => performance.now() >= endMs);
  }

  async #look(): Promise<Account> {
    const { nodes, load, screen, stopping } = this.#options;
    const hosted = await Promise.all(nodes.map(async (node) => ({ name: node.name, hosted: await node.hosted() })));
    const { started, ended } = load;
    const nowMs = performance.now();
    const recent = this.#looks.filter(({ ms }) => ms > nowMs - RATE_MS - LOOK_EVERY_MS);
    const [oldest = { ms: this.#sinceMs, started: 0, ended: 0 }] = recent;
    this.#looks = [...recent, { ms: nowMs, started, ended }];
    const seconds = Math.max(nowMs - oldest.ms, 1) / 1000;
    const account: Account = {
      atMs: nowMs - this.#sinceMs,
      nodes: hosted,
      started,
      ended,
      startedPerSecond: (started - oldest.started) / seconds,
      endedPerSecond: (ended - oldest.ended) / seconds,
      longestWaitMs: load.longestWaitMs(nowMs - RATE_MS),
    };
    if (stopping.aborted) return account;
    if (screen.isTerminal) screen.show(accountTable(account, screen));
    else if (nowMs - this.#toldMs >= RATE_MS) {
      this.#toldMs = nowMs;
      screen.say(accountLine(account));
    }
    return account;
  }
}
