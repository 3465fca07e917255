// The names of all subjects in the stream of blobs: at once while they are few, else by the ends of run IDs, so that neither
// side ever holds more than a few thousand of them. All of a run comes together.
import type { NatsClient } from "@millrace/nats/connect.ts";
import { countSubjects, listSubjects } from "@millrace/nats/subjects.ts";

/** What an answer may hold: some 110 bytes each. */
const SUBJECTS_AT_ONCE_MAX = 10_000;

/** Of run IDs: their last two characters spread them over 1,024 parts. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz".split("");

export async function* subjectsOf({ connection, names }: NatsClient): AsyncGenerator<readonly string[]> {
  const { blobs, blobStream } = names;
  if ((await countSubjects(connection, blobStream)) <= SUBJECTS_AT_ONCE_MAX) {
    yield await listSubjects(connection, blobStream, `${blobs}.>`);
    return;
  }
  for (const left of ALPHABET) {
    for (const right of ALPHABET) yield await listSubjects(connection, blobStream, `${blobs}.${left}${right}.>`);
  }
}
