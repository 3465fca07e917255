// One process of Millrace over memory ports: the real shards, node, registry and task hub. It can die at any instant.
import type { Blobs } from "@millrace/blobs/blobs.ts";
import type { Clock } from "@millrace/clock/clock.ts";
import { type HubShards, TaskHub } from "@millrace/gateway/tasks/task-hub.ts";
import { JournalLocked } from "@millrace/journal/journal.ts";
import type { MemoryLog } from "@millrace/journal/memory/log.ts";
import { openMemoryJournal } from "@millrace/journal/memory/open.ts";
import { soleWriter } from "@millrace/journal/sole-writer.ts";
import type { Origin, Reply } from "@millrace/link/link.ts";
import { shardId } from "@millrace/model/ids.ts";
import type { RunCommand } from "@millrace/model/run-commands.ts";
import { MESSAGES_WAITING_MAX } from "@millrace/shard-host/limits.ts";
import { Node } from "@millrace/shard-host/node.ts";
import { JournaledRegistry } from "@millrace/shard-host/registry/registry.ts";
import { Shard } from "@millrace/shard-host/shard.ts";
import type { ShardObserver } from "@millrace/shard-host/shard-options.ts";
import { type MemoryDisk, openMemoryStore } from "@millrace/store/memory/memory-store.ts";
import type { SliceOutcome } from "@millrace/store/store.ts";
import { FaultyLink, type LinkTap } from "./faults/faulty-link.ts";
import { type BlobTap, TappedBlobs } from "./faults/tapped-blobs.ts";
import { type JournalTap, TappedJournal } from "./faults/tapped-journal.ts";
import { type StoreTap, TappedStore } from "./faults/tapped-store.ts";
import { GatedClock } from "./gated-clock.ts";

/** What outlives processes: a shard's journal and store. */
export interface Disk {
  readonly log: MemoryLog;
  readonly store: MemoryDisk;
}

/** What a process stands on. */
export interface Ground {
  readonly clock: Clock;
  readonly disks: readonly Disk[];
  readonly registry: MemoryLog;
  readonly blobs: Blobs;
  blobTap(): BlobTap;
  journalTap(server: Server, shard: number): JournalTap;
  storeTap(server: Server, shard: number): StoreTap;
  linkTap(): LinkTap;
  sliceOutcome(): SliceOutcome;
  observer(server: Server, shard: number): ShardObserver;
  /** A result the hub handed in was answered. */
  resultAnswered(command: RunCommand, reply: Reply): void;
}

export class Server {
  readonly serial: number;
  readonly clock: GatedClock;
  readonly node: Node;
  readonly hub: TaskHub;
  readonly registry: JournaledRegistry;
  /** Another process has its journals: it may read and ask, and must find out by itself. */
  isUsurped = false;
  isDead = false;
  readonly #link: FaultyLink;

  private constructor(ground: Ground, serial: number, clock: GatedClock, registry: JournaledRegistry) {
    this.serial = serial;
    this.clock = clock;
    this.registry = registry;
    this.#link = new FaultyLink((origin, batch) => this.node.submit(origin, batch), clock, ground.linkTap());
    this.node = new Node(ground.disks.map((disk, index) => this.#shard(ground, disk, index)));
    this.hub = new TaskHub(overheard(this, ground), clock);
    this.node.connect(this.hub);
  }

  /** Makes a process; `node.open()` makes it serve. */
  static async make(ground: Ground, serial: number): Promise<Server> {
    const clock = new GatedClock(ground.clock);
    const registry = await JournaledRegistry.open(
      soleWriter(() => openMemoryJournal(ground.registry, clock)),
      clock,
    );
    return new Server(ground, serial, clock, registry);
  }

  /** Whether runs of a shard wait for room for messages: of these, what is due may be late. */
  get isFull(): boolean {
    return this.node.shards.some(({ load }) => load.messages >= MESSAGES_WAITING_MAX);
  }

  /** Nothing of it runs any more. */
  die(): void {
    this.isDead = true;
    this.clock.shut();
  }

  #shard(ground: Ground, { log, store }: Disk, index: number): Shard {
    const { clock } = this;
    const tap = ground.journalTap(this, index);
    const inner = openMemoryStore({
      disk: store,
      soon: (callback) => clock.soon(callback),
      outcome: () => ground.sliceOutcome(),
    });
    return new Shard({
      id: shardId(index),
      node: `n${this.serial}`,
      openJournal: async () => {
        if (this.isUsurped || this.isDead) throw new JournalLocked("Another process holds the journal.");
        return new TappedJournal(await openMemoryJournal(log, clock), tap);
      },
      store: new TappedStore(inner, ground.storeTap(this, index)),
      blobs: new TappedBlobs(ground.blobs, ground.blobTap(), clock),
      clock,
      submit: (origin, batch) => this.#link.submit(origin, batch),
      findDefinition: (tenant, name, version) => this.registry.get(tenant, name, version),
      leased: () => true,
      terms: null,
      observer: ground.observer(this, index),
    });
  }
}

/** The node as the hub sees it, with somebody listening to what becomes of results. */
function overheard({ node }: Server, ground: Ground): HubShards {
  return {
    pull: (taskTypes, credits, deliver) => node.pull(taskTypes, credits, deliver),
    hold: (attempts) => node.hold(attempts),
    giveBack: (attempts) => node.giveBack(attempts),
    submit(origin, batch) {
      const commands = new Map(batch.map(({ ref, command }) => [ref, command]));
      const listener: Origin = {
        replied(replies) {
          for (const reply of replies) {
            const command = commands.get(reply.ref);
            if (command !== undefined && command.type !== "message") ground.resultAnswered(command, reply);
          }
          origin.replied(replies);
        },
        ended: (ends) => origin.ended(ends),
      };
      node.submit(listener, batch);
    },
  };
}
