// Processes that host one shard, over memory ports and a virtual clock: a journal, an archive and a common memory that all
// reach, and a disk for each. A disk that is used twice at a time, or after it was let go of, fails the test.
import { MemoryArchive } from "@millrace/archive/memory/memory-archive.ts";
import { drain, VirtualClock } from "@millrace/clock/virtual.ts";
import { mintRunId } from "@millrace/core/run-id.ts";
import { parseDefinition } from "@millrace/definition/parse.ts";
import { followMemoryJournal } from "@millrace/journal/memory/follow.ts";
import { MemoryLog } from "@millrace/journal/memory/log.ts";
import { MirrorDisk, openMemoryMirror } from "@millrace/journal/memory/mirror.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import type { MemoryKvHandle } from "@millrace/kv/memory/handle.ts";
import { MemoryKv } from "@millrace/kv/memory/store.ts";
import type { Reply } from "@millrace/link/link.ts";
import type { MapShard } from "@millrace/model/cluster.ts";
import { type Position, type RunId, shardId, slot, workflowName } from "@millrace/model/ids.ts";
import { json } from "@millrace/model/payload.ts";
import { MemoryDisk, openMemoryStore, restoreMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { ArrivingPart, Store } from "@millrace/store/store.ts";
import type { TakeOver } from "../../ownership/host.ts";
import type { Replica } from "../../standby/replica.ts";
import type { Shard } from "../../shard.ts";
import { FickleBlobs } from "../../testdata/fickle-blobs.ts";
import { ONE_STEP, TENANT } from "../../testdata/shard-bench.ts";
import { ClusterHost } from "../cluster-host.ts";
import type { HostParts, Served, ShardPlaces } from "../host-parts.ts";

export const SHARD = shardId(3);

/** More steps of the clock than anything here takes without time passing: whoever needs more spins. */
const STEPS_MAX = 100_000;

export class HostBench {
  readonly clock = new VirtualClock(1);
  readonly archive = new MemoryArchive(this.clock);
  readonly common = new MemoryKv(this.clock);
  readonly blobs = new FickleBlobs();
  readonly #logs = new Map<number, MemoryLog>();
  #minted = 0;

  /** The shard as the map has it. */
  map(generation = 1, id = SHARD): MapShard {
    return {
      ...{ id, from: 0, until: 4096, generation, stream: 0, owner: null, ownedSince: 1, standby: null },
      ...{ previous: null, parent: null },
    };
  }

  /** The journal of a generation. */
  log(generation = 1): MemoryLog {
    const log = this.#logs.get(generation) ?? new MemoryLog();
    this.#logs.set(generation, log);
    return log;
  }

  mint(): RunId {
    return mintRunId(this.clock.nowMs(), slot(1), ++this.#minted, 0);
  }

  /** What the common memory says of the newest snapshot. */
  said(): unknown {
    const entry = this.common.entries().find(({ key }) => key === `snapshot.${SHARD}`);
    return entry?.value == null ? null : JSON.parse(Buffer.from(entry.value).toString());
  }

  /** Positions of the snapshots there are. */
  async snapshots(): Promise<number[]> {
    const listed = this.archive.list(`shards/${SHARD}/snapshots/`);
    await this.settle();
    return (await listed).map(({ name }) => Number(name.split("/").at(-1)?.split("-")[0]));
  }

  /** Lets happen all that needs no time to pass. */
  async settle(): Promise<void> {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      await this.clock.advance(0);
      if ((this.clock.nextInMs() ?? 1) > 0) return;
    }
    throw new Error("A process spins.");
  }

  /** One thing more happens. */
  async step(): Promise<void> {
    this.clock.step();
    await drain();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }
}

/** What one process has on its disk of one generation of the shard. */
interface Folder {
  readonly disk: MemoryDisk;
  readonly mirror: MirrorDisk;
  isOpen: boolean;
  opened: number;
  /** How often what is past retention was dropped. */
  retained: number;
  /** Whether that fails. */
  isStuck: boolean;
}

export class HostProcess {
  readonly bench: HostBench;
  readonly host: ClusterHost;
  readonly kv: MemoryKvHandle;
  /** When standbys failed, and why. */
  readonly failures: { readonly atMs: number; readonly reason: string }[] = [];
  readonly snapshotFailures: string[] = [];
  readonly letGoFailures: string[] = [];
  readonly lost: string[] = [];
  /** How often what serves was closed. */
  closings = 0;
  mayClaim = true;
  /** What happens before a journal is opened, a store is opened, a shard is served; and after a store was closed. */
  beforeJournal: () => Promise<void> = () => Promise.resolve();
  beforeStore: () => Promise<void> = () => Promise.resolve();
  beforeServing: () => Promise<void> = () => Promise.resolve();
  afterClosing: () => Promise<void> = () => Promise.resolve();
  /** How far the owner says that it is. */
  ownerPosition: () => Position | null = () => this.bench.log().tail.position;
  readonly #folders = new Map<number, Folder>();

  constructor(bench: HostBench, name: string) {
    this.bench = bench;
    this.kv = bench.common.connect(name);
    this.host = new ClusterHost(this.#parts(name));
  }

  folder(generation = 1): Folder {
    const folder = this.#folders.get(generation) ?? {
      ...{ disk: new MemoryDisk(), mirror: new MirrorDisk(), isOpen: false, opened: 0 },
      ...{ retained: 0, isStuck: false },
    };
    this.#folders.set(generation, folder);
    return folder;
  }

  get shard(): Shard {
    const shard = this.host.owned().get(SHARD);
    if (shard === undefined) throw new Error("No shard serves here.");
    return shard;
  }

  get replica(): Replica {
    const replica = this.host.replica(SHARD);
    if (replica === null) throw new Error("No standby is here.");
    return replica;
  }

  /** How far the shard is here; 0 = nowhere. */
  get position(): number {
    return this.host.progress()[0]?.position ?? 0;
  }

  async follow(map = this.bench.map()): Promise<void> {
    this.host.startStandby(map);
    await this.bench.settle();
  }

  /** Begins to take over, and does not wait for it. */
  beginTakeOver(map = this.bench.map()): Promise<TakeOver> {
    return this.host.takeOver(map, { mayClaim: () => this.mayClaim, lost: (reason) => this.lost.push(reason) });
  }

  async takeOver(map = this.bench.map()): Promise<TakeOver> {
    return this.#over(this.beginTakeOver(map));
  }

  async drop(): Promise<void> {
    await this.#over(this.host.drop(SHARD));
  }

  async release(): Promise<void> {
    await this.#over(this.host.release(SHARD));
  }

  async checkpoint(): Promise<void> {
    await this.#over((this.host.replica(SHARD) ?? this.shard).checkpoint());
  }

  async snapshot(): Promise<number> {
    return this.#over(this.host.snapshot(SHARD));
  }

  /** Has so many runs started by the owner here. */
  async start(count = 1): Promise<RunId[]> {
    const runs: RunId[] = [];
    const replies: Reply[] = [];
    for (let ref = 1; ref <= count; ref++) {
      const runId = this.bench.mint();
      runs.push(runId);
      const command = {
        ...{ type: "start" as const, runId, tenant: TENANT, workflow: workflowName("one"), version: 1 },
        ...{ input: json("{}"), idempotencyKey: "", inputHash: "", traceparent: "", parent: null },
      };
      const origin = { replied: (some: readonly Reply[]) => void replies.push(...some), ended: () => {} };
      this.shard.submit(origin, { ref, command, notifyEnd: false });
      this.shard.wake();
      await this.bench.settle();
    }
    const refused = replies.find(({ type }) => type === "refused");
    if (refused !== undefined || replies.length !== count) throw new Error(`Not started: ${JSON.stringify(refused)}.`);
    return runs;
  }

  #over<Value>(promise: Promise<Value>): Promise<Value> {
    // Whoever awaits it hears of its failure.
    promise.catch(() => undefined);
    return this.bench.settle().then(() => promise);
  }

  #parts(name: string): HostParts {
    const { clock, archive, blobs } = this.bench;
    const parsed = parseDefinition(ONE_STEP);
    if (parsed.type === "problems") throw new Error(JSON.stringify(parsed.problems));
    const { definition } = parsed;
    const registered = { tenant: TENANT, name: definition.name, version: 1, definition, source: "", registeredMs: 1 };
    const silent = { recovering() {}, recovered() {}, appended() {}, checkpointed() {}, failed() {}, unreadable() {} };
    return {
      ...{ process: name, clock, blobs, archive, kv: this.kv, places: this.#places() },
      findDefinition: () => registered,
      submit: () => {},
      mayAnswerFromMemory: () => true,
      serve: () => this.#serve(),
      ownerPosition: () => this.ownerPosition(),
      observer: {
        shard: () => silent,
        standbyFailed: (_, reason) => this.failures.push({ atMs: clock.monotonicMs(), reason }),
        snapshotTaken: () => {},
        snapshotFailed: (_, reason) => this.snapshotFailures.push(reason),
        letGoFailed: (_, reason) => this.letGoFailures.push(reason),
      },
    };
  }

  #places(): ShardPlaces {
    const { clock } = this.bench;
    return {
      openJournal: async ({ generation }) => {
        await this.beforeJournal();
        return openMemoryJournal(this.bench.log(generation), clock);
      },
      follow: ({ generation }) => (options) => followMemoryJournal(this.bench.log(generation), clock, options),
      openStore: ({ generation }) => this.#openStore(this.folder(generation)),
      restoreStore: (shard, parts) => this.#restoreStore(this.folder(shard.generation), parts),
      openMirror: ({ generation }) => Promise.resolve(openMemoryMirror(this.folder(generation).mirror)),
    };
  }

  async #serve(): Promise<Served> {
    await this.beforeServing();
    return { close: () => void this.closings++ };
  }

  async #restoreStore(folder: Folder, parts: AsyncIterable<ArrivingPart>): Promise<void> {
    if (folder.isOpen) throw new Error("The store is open.");
    await restoreMemoryStore(folder.disk, parts);
  }

  /** A store that says when it is used in a way that files would not bear. */
  async #openStore(folder: Folder): Promise<Store> {
    if (folder.isOpen) throw new Error("The store is open already.");
    folder.isOpen = true;
    folder.opened++;
    try {
      await this.beforeStore();
    } catch (error: unknown) {
      folder.isOpen = false;
      throw error;
    }
    const store = openMemoryStore({ disk: folder.disk, soon: (callback) => this.bench.clock.soon(callback) });
    return guarded(store, folder, () => this.afterClosing());
  }
}

function guarded(store: Store, folder: Folder, afterClosing: () => Promise<void>): Store {
  const [close, copy, retain] = [store.close.bind(store), store.copy.bind(store), store.retain.bind(store)];
  let isClosed = false;
  let isCopied = false;
  const use = (): void => {
    if (isClosed) throw new Error("The store is closed.");
  };
  store.close = async () => {
    use();
    if (isCopied) throw new Error("A copy of the store is not discarded yet.");
    isClosed = true;
    await close();
    folder.isOpen = false;
    await afterClosing();
  };
  store.copy = async (known) => {
    use();
    if (isCopied) throw new Error("There is a copy of the store already.");
    isCopied = true;
    const made = await copy(known);
    use();
    const discard = (): Promise<void> => {
      isCopied = false;
      return Promise.resolve();
    };
    if (made === null) await discard();
    return made === null ? null : { ...made, discard };
  };
  store.retain = async (nowMs) => {
    use();
    if (folder.isStuck) throw new Error("The folder cannot be read.");
    await retain(nowMs);
    folder.retained++;
  };
  return store;
}
