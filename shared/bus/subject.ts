// What subjects look like, and which patterns of listeners they match.

/** Servers take 4 KiB for a whole line of protocol; this leaves room for a subject, a reply and a prefix. */
export const SUBJECT_CHARACTERS_MAX = 255;

const SUBJECT = /^[\w-]+(?:\.[\w-]+)*$/;
const PATTERN = /^(?:>|(?:[\w-]+|\*)(?:\.(?:[\w-]+|\*))*(?:\.>)?)$/;

/** Throws RangeError unless messages can be published to it. */
export function checkSubject(subject: string): void {
  if (subject.length <= SUBJECT_CHARACTERS_MAX && SUBJECT.test(subject)) return;
  throw new RangeError(
    `The subject ${JSON.stringify(subject)} cannot be published to: use tokens of A-Z, a-z, 0-9, _ and - joined by dots, at most ${SUBJECT_CHARACTERS_MAX} characters.`,
  );
}

/** Throws RangeError unless it can be listened on. */
export function checkPattern(pattern: string): void {
  if (pattern.length <= SUBJECT_CHARACTERS_MAX && PATTERN.test(pattern)) return;
  throw new RangeError(
    `The subject ${JSON.stringify(pattern)} cannot be listened on: use tokens of A-Z, a-z, 0-9, _ and - joined by dots, * for one token, > for the rest, at most ${SUBJECT_CHARACTERS_MAX} characters.`,
  );
}

/** Whether a valid pattern matches more than the one subject it is. */
export function isWild(pattern: string): boolean {
  return pattern.includes("*") || pattern.endsWith(">");
}

/** Whether a valid pattern matches a valid subject. */
export function matches(pattern: string, subject: string): boolean {
  if (!isWild(pattern)) return pattern === subject;
  const wanted = pattern.split(".");
  const given = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return given.length > index;
    if (given[index] === undefined || (token !== "*" && token !== given[index])) return false;
  }
  return wanted.length === given.length;
}
