// What waits for a shard's turns: a fair queue by tenant in three lanes, so that no tenant and no kind of work holds up
// another (I7). Results and steering go first, since they finish what has begun; starts are never starved by them;
// timers and other housekeeping take at most a quarter of a turn while others wait.
import { FairQueue } from "@millrace/core/fairness/fair-queue.ts";
import type { Origin } from "@millrace/link/link.ts";
import type { ShardCommand } from "@millrace/model/run-commands.ts";

/** A command and who hears of its outcome. */
export interface Letter {
  readonly command: ShardCommand;
  /** null = nobody (timers, housekeeping). */
  readonly origin: Origin | null;
  readonly ref: number;
  readonly notifyEnd: boolean;
}

/** A tenant's letters in one go: keeps the cost of taking turns small against that of a command. */
const QUANTUM = 16;

/** Which lane goes first at each of eight picks: 4 for progress, 2 for starts, 2 for housekeeping. */
const PICKS = ["progress", "start", "progress", "house", "progress", "start", "progress", "house"] as const;

export class Mailbox {
  readonly #lanes = {
    progress: new FairQueue<Letter>(QUANTUM),
    start: new FairQueue<Letter>(QUANTUM),
    house: new FairQueue<Letter>(QUANTUM),
  };
  #pick = 0;
  #startBytes = 0;

  get size(): number {
    const { progress, start, house } = this.#lanes;
    return progress.size + start.size + house.size;
  }

  get starts(): number {
    return this.#lanes.start.size;
  }

  /** Payloads of the starts that wait, in characters. */
  get startBytes(): number {
    return this.#startBytes;
  }

  get progress(): number {
    return this.#lanes.progress.size;
  }

  get housekeeping(): number {
    return this.#lanes.house.size;
  }

  push(letter: Letter): void {
    this.#startBytes += startLength(letter);
    this.#lanes[laneOf(letter.command)].push(letter.command.tenant, letter);
  }

  /** The next letter. `starts` false leaves starts where they are. */
  take(starts: boolean): Letter | undefined {
    const { progress, start, house } = this.#lanes;
    const first = this.#lanes[PICKS[this.#pick++ & 7] ?? "progress"];
    const preferred = first === start && !starts ? undefined : first.take();
    const letter = preferred ?? progress.take() ?? (starts ? start.take() : undefined) ?? house.take();
    if (letter !== undefined) this.#startBytes -= startLength(letter);
    return letter;
  }

  /** Everything that waits, taken out. */
  drain(): Letter[] {
    const { progress, start, house } = this.#lanes;
    this.#startBytes = 0;
    return [...progress.drain(), ...start.drain(), ...house.drain()];
  }
}

/** Whether a command begins a run, by itself or in a message. */
export function isStart(command: ShardCommand): boolean {
  return command.type === "start" || (command.type === "message" && command.content?.type === "start");
}

function startLength({ command }: Letter): number {
  const start = command.type === "message" ? command.content : command;
  return start?.type === "start" && typeof start.input === "string" ? start.input.length : 0;
}

function laneOf(command: ShardCommand): "progress" | "start" | "house" {
  switch (command.type) {
    case "start":
      return "start";
    case "message":
      return isStart(command) ? "start" : "progress";
    case "timer-due":
    case "advance":
      return "house";
    default:
      return "progress";
  }
}
