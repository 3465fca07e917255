// What things in an archive may be called.
import { ARCHIVE_NAME_CHARACTERS_MAX } from "./archive.ts";

const NAME = /^[\w-]+(?:\/[\w-]+)*$/;

export function isName(name: string): boolean {
  return name.length <= ARCHIVE_NAME_CHARACTERS_MAX && NAME.test(name);
}

/** Throws RangeError unless it is a name. */
export function checkName(name: string): void {
  if (isName(name)) return;
  throw new RangeError(
    `${JSON.stringify(name)} is no name for the archive: use tokens of A-Z, a-z, 0-9, _ and - joined by slashes, at most ${ARCHIVE_NAME_CHARACTERS_MAX} characters.`,
  );
}
