// One question to all shards, asked again when there are other shards by then.
import { refusal } from "@millrace/errors/refusal.ts";
import type { Refusal } from "@millrace/model/refusal.ts";
import type { ListPage, ListQuery } from "../link.ts";
import { mergedPage } from "../merged-page.ts";

/** Asks one shard. */
export type AskShard = (query: ListQuery, answer: (page: ListPage | Refusal) => void) => void;

export class ListMerge {
  readonly #query: ListQuery;
  readonly #answer: (page: ListPage | Refusal) => void;
  #pages: ListPage[] = [];
  #round = 0;

  constructor(query: ListQuery, answer: (page: ListPage | Refusal) => void) {
    this.#query = query;
    this.#answer = answer;
  }

  /** Asks these shards; what others answer from now on is passed over. */
  ask(shards: readonly AskShard[]): void {
    const round = ++this.#round;
    this.#pages = [];
    if (shards.length === 0) return this.#heard(refusal("SHARD_UNAVAILABLE"), 0);
    for (const ask of shards)
      ask(this.#query, (page) => {
        if (round === this.#round) this.#heard(page, shards.length);
      });
  }

  /** One refusal, or silence that ends in one, refuses the page: what that shard has is nowhere else. */
  #heard(page: ListPage | Refusal, count: number): void {
    if ("code" in page) {
      this.#round++;
      return this.#answer(page);
    }
    this.#pages.push(page);
    if (this.#pages.length < count) return;
    this.#round++;
    this.#answer(mergedPage(this.#pages, this.#query.limit));
  }
}
