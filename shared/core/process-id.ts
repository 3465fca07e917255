// IDs of processes: `<name>-<8 random characters>`. The name survives a restart, the ID does not.
import { type ProcessId, type ProcessName, processId, processName } from "@millrace/model/ids.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const RANDOM_CHARS = 8;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const ID = /^[A-Za-z0-9_-]{1,64}-[0-9a-hjkmnp-tv-z]{8}$/;

/** Whether a process may be called so. */
export function isProcessName(text: string): text is ProcessName {
  return NAME.test(text);
}

/** Whether text has the form of a process ID. */
export function isProcessId(text: string): text is ProcessId {
  return ID.test(text);
}

/** A new ID. `randomA` and `randomB` are 32 random bits each; 40 are used. */
export function mintProcessId(name: ProcessName, randomA: number, randomB: number): ProcessId {
  let random = "";
  for (let i = 0; i < RANDOM_CHARS / 2; i++)
    random += ALPHABET.charAt((randomA >>> (5 * i)) & 31) + ALPHABET.charAt((randomB >>> (5 * i)) & 31);
  return processId(`${name}-${random}`);
}

/** The name of the process that an ID belongs to. */
export function nameOfProcess(id: ProcessId): ProcessName {
  return processName(id.slice(0, -RANDOM_CHARS - 1));
}
