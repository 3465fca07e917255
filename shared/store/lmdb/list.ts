// Lists, newest first: a merge of ranges, one for each environment and status asked for. Each range is read a few keys at
// a time, so that a short page of a long list costs a short read.
import type { RunId } from "@millrace/model/ids.ts";
import type { ListFilter } from "../store.ts";
import {
  END_CODES,
  LIST_KEY_BYTES,
  LIVE_CODES,
  packListPrefix,
  packRun,
  STATUS_CODE,
  unpackRun,
} from "./binary-key.ts";
import type { Bytes } from "./environment.ts";
import { type Scopes, tenantScope, workflowScope } from "./scopes.ts";

/** Where lists are kept. */
export interface ListSource {
  readonly lists: Bytes;
  readonly scopesOf: Scopes;
  readonly codes: readonly number[];
}

/** Keys read at once of one range. */
const KEYS_READ_MAX = 32;
const RUN_AT = LIST_KEY_BYTES - 13;

/** IDs of matching runs, newest first, at most `limit`. A run met twice (a slice is being written) is listed once. */
export function listRuns(sources: Iterable<ListSource>, filter: ListFilter, limit: number): RunId[] {
  const name = filter.workflow === null ? tenantScope(filter.tenant) : workflowScope(filter.tenant, filter.workflow);
  const ranges: ListRange[] = [];
  for (const source of sources) {
    const scope = source.scopesOf.find(name);
    if (scope === undefined) continue;
    for (const code of source.codes) {
      if (filter.status !== null && STATUS_CODE[filter.status] !== code) continue;
      ranges.push(new ListRange(source.lists, { scope, code, filter, batch: Math.min(limit, KEYS_READ_MAX) }));
    }
  }
  const runs: RunId[] = [];
  let last: RunId | undefined;
  while (runs.length < limit) {
    const newest = newestOf(ranges);
    if (newest === undefined) break;
    const id = newest.take();
    if (id === undefined || id === last) continue;
    runs.push(id);
    last = id;
  }
  return runs;
}

export const LIVE_LISTS = LIVE_CODES;
export const END_LISTS = END_CODES;

function newestOf(ranges: readonly ListRange[]): ListRange | undefined {
  let newest: ListRange | undefined;
  for (const range of ranges) {
    if (range.head !== undefined && (newest?.head === undefined || range.head > newest.head)) newest = range;
  }
  return newest;
}

interface RangeBounds {
  readonly scope: number;
  readonly code: number;
  readonly filter: ListFilter;
  readonly batch: number;
}

/** One scope and status of one environment, read downwards. */
class ListRange {
  /** The newest run not taken yet; undefined = none is left. */
  head: RunId | undefined;
  readonly #lists: Bytes;
  readonly #batch: number;
  /** The next read starts below this key (or at it, if it was never read). */
  readonly #below: Buffer;
  readonly #end: Buffer;
  #exclusive: boolean;
  #read: RunId[] = [];
  #at = 0;
  #more = true;

  constructor(lists: Bytes, { scope, code, filter, batch }: RangeBounds) {
    this.#lists = lists;
    this.#batch = batch;
    this.#below = Buffer.alloc(LIST_KEY_BYTES, 0xff);
    packListPrefix(scope, code, this.#below);
    if (filter.before !== null) packRun(filter.before, this.#below, RUN_AT);
    this.#exclusive = filter.before !== null;
    this.#end = Buffer.alloc(LIST_KEY_BYTES);
    packListPrefix(scope, code, this.#end);
    if (filter.from !== null) packRun(filter.from, this.#end, RUN_AT);
    this.#advance();
  }

  take(): RunId | undefined {
    const taken = this.head;
    this.#advance();
    return taken;
  }

  #advance(): void {
    if (this.#at >= this.#read.length && this.#more) this.#fill();
    this.head = this.#read[this.#at++];
  }

  #fill(): void {
    this.#read = [];
    this.#at = 0;
    for (const key of this.#lists.getKeys({
      start: this.#below,
      exclusiveStart: this.#exclusive,
      end: this.#end,
      inclusiveEnd: true,
      reverse: true,
      limit: this.#batch,
    })) {
      this.#read.push(unpackRun(key, RUN_AT));
    }
    this.#more = this.#read.length === this.#batch;
    const last = this.#read.at(-1);
    if (last !== undefined) packRun(last, this.#below, RUN_AT);
    this.#exclusive = true;
  }
}
