// The names of subjects that a stream has messages on, from the leader's memory: no message is touched.
import type { NatsConnection } from "@nats-io/nats-core";
import { field, numberOf } from "./answer.ts";
import { jetStreamRequest } from "./jetstream.ts";

/** How many subjects a stream has messages on. */
export async function countSubjects(connection: NatsConnection, stream: string): Promise<number> {
  return numberOf(field(await jetStreamRequest(connection, `STREAM.INFO.${stream}`), "state"), "num_subjects");
}

/** Those that match a filter with wildcards. They are held at once, on both sides: ask for thousands, not for millions. */
export async function listSubjects(
  connection: NatsConnection,
  stream: string,
  filter: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (;;) {
    const query = { subjects_filter: filter, offset: found.length };
    const answer = await jetStreamRequest(connection, `STREAM.INFO.${stream}`, query);
    const subjects = field(field(answer, "state"), "subjects");
    const names = typeof subjects === "object" && subjects !== null ? Object.keys(subjects) : [];
    found.push(...names);
    // The server sends so many at once, and says how many there are.
    if (names.length === 0 || found.length >= numberOf(answer, "total")) return found;
  }
}
