// The permissions of each role are enough, and each of them is needed: one server, and users who lack one each.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { matches } from "@millrace/bus/subject.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { type TempFolder, tempFolder } from "@millrace/testing/temp-folder.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { field, textOf } from "./answer.ts";
import { closeNats, connectNats, type NatsClient } from "./connect.ts";
import { jetStreamRequest } from "./jetstream.ts";
import { natsNames } from "./names.ts";
import { NATS_ROLES, type NatsRole, type Permissions, permissionsOf, permissionsText } from "./permissions.ts";
import { type NatsProblem, problemOf } from "./problem.ts";
import { JOURNAL_STREAMS, makeStreams, work } from "./testdata/role-work.ts";

const NAMES = natsNames("test");

interface Lacking {
  readonly role: NatsRole;
  readonly kind: keyof Permissions;
  readonly subject: string;
  readonly user: string;
  readonly permissions: Permissions;
}

function needsOf(role: NatsRole): Permissions {
  return permissionsOf([role], NAMES, JOURNAL_STREAMS);
}

/** A user for every permission of every role, who has all but that one. */
const LACKING: readonly Lacking[] = NATS_ROLES.flatMap((role) => {
  const needs = needsOf(role);
  return (["publish", "subscribe"] as const).flatMap((kind) =>
    needs[kind].map((subject, index) => ({
      role,
      kind,
      subject,
      user: `${role}-${kind}-${index}`,
      permissions: { ...needs, [kind]: needs[kind].filter((other) => other !== subject) },
    })),
  );
});

let folder: TempFolder;
let server: NatsServer;
let password: string;
let admin: NatsClient;
let serial = 0;

beforeAll(async () => {
  folder = await tempFolder();
  password = join(folder.path, "password");
  await writeFile(password, "secret");
  const limited = [
    ...NATS_ROLES.map((role) => ({ user: role as string, permissions: needsOf(role) })),
    ...LACKING.map(({ user, permissions }) => ({ user, permissions })),
  ];
  const users = limited.map(
    ({ user, permissions }) => `{ user: "${user}", password: secret, ${permissionsText(permissions)} }`,
  );
  server = await startNats({
    syncInterval: "10s",
    config: `authorization { users: [{ user: admin, password: secret }, ${users.join("\n")}] }`,
  });
  admin = await connect("admin");
  await makeStreams(admin);
});
afterAll(async () => {
  await closeNats(admin);
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function connect(user: string, report?: (problem: NatsProblem) => void): Promise<NatsClient> {
  const login = { type: "user", user, password: `file:${password}` } as const;
  return connectNats({ servers: [server.address], name: user, prefix: "test", login, tls: null }, report);
}

/** What a role finds, again and again: a setup no streams, and then streams of an older version. */
const FOUND: Readonly<Record<NatsRole, readonly (() => Promise<void>)[]>> = {
  node: [() => Promise.resolve()],
  gateway: [() => Promise.resolve()],
  setup: [
    () => toEveryStream(({ name }) => [`STREAM.DELETE.${name}`]),
    () => toEveryStream((config) => [`STREAM.UPDATE.${config.name}`, { ...config, duplicate_window: 2e9 }]),
  ],
};

async function toEveryStream(request: (config: StreamConfig) => readonly [string, object?]): Promise<void> {
  const { connection } = admin;
  for (const config of configsIn(await jetStreamRequest(connection, "STREAM.LIST"))) {
    await jetStreamRequest(connection, ...request(config));
  }
}

interface StreamConfig {
  readonly name: string;
}

function configsIn(answer: unknown): readonly StreamConfig[] {
  const streams = field(answer, "streams");
  if (!Array.isArray(streams)) return [];
  return streams.flatMap((stream: unknown) => {
    const config = field(stream, "config");
    return typeof config === "object" ? [{ ...config, name: textOf(config, "name") }] : [];
  });
}

/** Lets the user do the role's work, and resolves to the first subject that it may not; null = it may do all. */
async function denied(user: string, role: NatsRole): Promise<string | null> {
  const problems: NatsProblem[] = [];
  // What a server complains of need not fail anything that waits for an answer.
  const complained = Promise.withResolvers<void>();
  const report = (problem: NatsProblem): void => {
    problems.push(problem);
    complained.resolve();
  };
  let client: NatsClient | null = null;
  try {
    client = await connect(user, report);
    for (const prepare of FOUND[role]) {
      await prepare();
      serial++;
      await Promise.race([work(role, client, serial), complained.promise]);
    }
  } catch (error: unknown) {
    const problem = problemOf(error, "the server");
    if (problem.subject === null && problems.length === 0) throw error;
    report(problem);
  } finally {
    if (client !== null) await closeNats(client);
  }
  return problems.find(({ subject }) => subject !== null)?.subject ?? null;
}

describe.each(NATS_ROLES)("a %s", (role) => {
  test("can do its work with its permissions", async () => {
    expect(await denied(role, role)).toBeNull();
  });

  test.each(LACKING.filter((each) => each.role === role))("cannot without $kind $subject", async (each) => {
    expect(covers(each.subject, (await denied(each.user, role)) ?? "")).toBe(true);
  });
});

/** Whether a permission is for a subject, or for a pattern that is listened on. */
function covers(permission: string, subject: string): boolean {
  const literal = subject.replaceAll("*", "any").replace(/>$/, "any");
  return matches(permission, literal);
}
