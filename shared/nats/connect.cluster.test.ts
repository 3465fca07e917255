import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { makeAuthority, makeCertificate } from "@millrace/testing/certificates.ts";
import { freePort } from "@millrace/testing/free-port.ts";
import { type NatsServer, startNats } from "@millrace/testing/nats-server.ts";
import { tempFolder } from "@millrace/testing/temp-folder.ts";
import { waitUntil } from "@millrace/testing/wait-until.ts";
import { nkeys } from "@nats-io/nats-core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { connectNats, type NatsClient } from "./connect.ts";
import { ConnectionNews } from "./connection-news.ts";
import { NatsProblem, type NatsProblemCode } from "./problem.ts";
import type { NatsSettings, NatsTls } from "./settings.ts";
import { connectTo, settingsFor } from "./testdata/clients.ts";
import { Operator } from "./testdata/user-jwt.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What keeps it from connecting. */
async function problem(servers: readonly string[], changed: Partial<NatsSettings> = {}): Promise<NatsProblem> {
  try {
    const { connection } = await connectNats(settingsFor(servers, changed));
    await connection.close();
  } catch (error: unknown) {
    if (error instanceof NatsProblem) return error;
    throw error;
  }
  throw new Error("It connected.");
}

/** Resolves when the connection next is lost and there again: call it before. */
function lostAndBack({ connection }: NatsClient): Promise<void> {
  return new Promise((resolve) => {
    let wasLost = false;
    const unlisten = ConnectionNews.of(connection).listen((isUp) => {
      if (!isUp) wasLost = true;
      if (!isUp || !wasLost) return;
      unlisten();
      resolve();
    });
  });
}

function userOf(server: NatsServer): Promise<unknown> {
  return waitUntil("a connection on the server's list", async () => {
    const page: unknown = await server.monitor("connz?auth=true");
    return /"authorized_user":"([^"]+)"/.exec(JSON.stringify(page))?.[1];
  });
}

describe("a connection", () => {
  test("comes back to a server that was started anew, and says so both times", async () => {
    await using server = await startNats();
    await using client = await connectTo([`nats://${server.address}`]);
    const told: boolean[] = [];
    ConnectionNews.of(client.connection).listen((isUp) => void told.push(isUp));
    const back = lostAndBack(client);
    await server.kill();
    await server.start();
    await back;
    await client.connection.flush();
    expect(told).toEqual([false, true]);
    expect(client.names.inbox).toBe("test.inbox");
  });

  test("leaves a server that stands still, also when it has more to send than anybody takes", async () => {
    await using first = await startNats();
    await using second = await startNats();
    await using client = await connectTo([first.address]);
    client.connection.setServers([first.address, second.address]);
    const back = lostAndBack(client);
    first.freeze();
    for (let sent = 0; sent < 64; sent++) client.connection.publish("anywhere", new Uint8Array(512 * 1024));
    await back;
    expect(client.connection.getServer()).toBe(second.address);
    first.thaw();
  });

  test("that was closed stays closed, with or without a server", async () => {
    await using server = await startNats();
    const client = await connectTo([server.address]);
    client.connection.publish("anywhere", "last words");
    await client[Symbol.asyncDispose]();
    expect(client.connection.isClosed()).toBe(true);
    const other = await connectTo([server.address]);
    const lost = new Promise((resolve) => ConnectionNews.of(other.connection).listen(resolve));
    await server.kill();
    expect(await lost).toBe(false);
    await other[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    expect(other.connection.isClosed()).toBe(true);
  });
});

describe("says what to do when", () => {
  const expectSaid = async (code: NatsProblemCode, found: Promise<NatsProblem>, words: RegExp): Promise<void> => {
    const { code: foundCode, message } = await found;
    expect([foundCode, message]).toEqual([code, expect.stringMatching(words)]);
  };

  test("nobody answers", async () => {
    const nowhere = `127.0.0.1:${await freePort()}`;
    await expectSaid(
      "unreachable",
      problem([nowhere]),
      new RegExp(`^NATS at ${nowhere} cannot be reached: .*nats\\.servers`),
    );
    await expectSaid("unreachable", problem(["no-such-host.invalid:4222"]), /ENOTFOUND|EAI_AGAIN/);
  });

  test("the server is too old, with its version", async () => {
    const info = { server_id: "X", version: "2.11.9", proto: 1, headers: true, max_payload: 1048576, jetstream: true };
    const server = createServer((socket) => {
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on("data", (data) => void (data.includes("PING") && socket.write("PONG\r\n")));
      socket.on("error", () => {});
    });
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server.listen(port, "127.0.0.1", resolve);
    });
    await expectSaid("server-too-old", problem([`127.0.0.1:${port}`]), /is 2\.11\.9; Millrace needs 2\.12 or newer/);
    server.close();
  });

  test("the server takes no messages as large as ours", async () => {
    await using server = await startNats({ config: "max_payload: 512KB" });
    await expectSaid(
      "server-settings",
      problem([server.address]),
      /takes messages of 524288 bytes.*max_payload: 1048576/,
    );
  });

  test("JetStream is off, for all or for the account", async () => {
    await using server = await startNats({
      config:
        "accounts { A { users: [{ user: a, password: a }] }, S { users: [{ user: s, password: s }] } }\nsystem_account: S",
    });
    vi.stubEnv("NATS_TEST_PASSWORD", "a");
    const login = { type: "user", user: "a", password: "env:NATS_TEST_PASSWORD" } as const;
    await expectSaid(
      "jetstream-off",
      problem([server.address], { login }),
      /is off for this account\. .*jetstream: enabled/,
    );
    await using plain = await startNats({ config: "jetstream: false" });
    await expectSaid("jetstream-off", problem([plain.address]), /is off\. Set `jetstream/);
  });
});

describe("logs in", () => {
  test("with a password or a token from a file, and is refused with another", async () => {
    await using folder = await tempFolder();
    const [right, wrong] = [join(folder.path, "right"), join(folder.path, "wrong")];
    await writeFile(right, "s3cret\n");
    await writeFile(wrong, "guess\n");
    await using user = await startNats({ config: "authorization { user: millrace, password: s3cret }" });
    await using token = await startNats({ config: "authorization { token: s3cret }" });
    const asUser = (file: string): Partial<NatsSettings> => ({
      login: { type: "user", user: "millrace", password: `file:${file}` },
    });
    const byToken = (file: string): Partial<NatsSettings> => ({ login: { type: "token", token: `file:${file}` } });
    await using one = await connectTo([user.address], asUser(right));
    await using two = await connectTo([token.address], byToken(right));
    expect([one.connection.isClosed(), two.connection.isClosed()]).toEqual([false, false]);
    for (const found of [
      problem([user.address], asUser(wrong)),
      problem([user.address]),
      problem([token.address], byToken(wrong)),
    ]) {
      const { code, message } = await found;
      expect(code).toBe("refused");
      expect(message).toMatch(/refuses these credentials/);
      expect(message).not.toMatch(/s3cret|guess/);
    }
  });

  test("with an nkey, and with another one at the next connection when the file says so", async () => {
    await using folder = await tempFolder();
    const file = join(folder.path, "user.nk");
    const pairs = [nkeys.createUser(), nkeys.createUser()];
    const [first = "", second = ""] = pairs.map((pair) => pair.getPublicKey());
    const [firstSeed = "", secondSeed = ""] = pairs.map((pair) => new TextDecoder().decode(pair.getSeed()));
    await using server = await startNats({
      config: `authorization { users: [{ nkey: ${first} }, { nkey: ${second} }] }`,
    });
    await writeFile(file, `${firstSeed}\n`);
    await using client = await connectTo([server.address], { login: { type: "nkey", seed: `file:${file}` } });
    expect(await userOf(server)).toBe(first);
    for (const text of [`# changed\n${secondSeed}\n`, "half-written"]) {
      await writeFile(file, text);
      const back = lostAndBack(client);
      await server.restart();
      await back;
      expect(await userOf(server)).toBe(second);
    }
  });

  test("with a credentials file, if the account's operator is the server's", async () => {
    await using folder = await tempFolder();
    const [ours, theirs] = [join(folder.path, "ours.creds"), join(folder.path, "theirs.creds")];
    const operator = new Operator();
    await writeFile(ours, operator.credentials());
    await writeFile(theirs, new Operator().credentials());
    await using server = await startNats({ config: operator.config });
    await using client = await connectTo([server.address], { login: { type: "credentials", file: ours } });
    expect(client.connection.isClosed()).toBe(false);
    expect((await problem([server.address], { login: { type: "credentials", file: theirs } })).code).toBe("refused");
  });

  test("and keeps trying when it is not let in again", async () => {
    await using folder = await tempFolder();
    const [password, included] = [join(folder.path, "password"), join(folder.path, "users.conf")];
    await writeFile(password, "old");
    await writeFile(included, "authorization { user: millrace, password: old }");
    // From the folder of the server's own configuration.
    await using server = await startNats({ config: `include "../${basename(folder.path)}/users.conf"` });
    const problems: NatsProblem[] = [];
    const login = { type: "user", user: "millrace", password: `file:${password}` } as const;
    await using client = await connectTo([server.address], { login }, (found) => void problems.push(found));
    const back = lostAndBack(client);
    await server.stop();
    await writeFile(included, "authorization { user: millrace, password: new }");
    await server.start();
    await waitUntil("several refusals", () => problems.length > 3);
    expect(problems.map(({ code }) => code)).toEqual(problems.map(() => "refused"));
    expect(client.connection.isClosed()).toBe(false);
    await writeFile(password, "new");
    await back;
  });
});

describe("TLS", () => {
  const NO_TLS: NatsTls = { caFile: null, certFile: null, keyFile: null };

  test("trusts the configured authority alone, shows who we are, and is never left out where it was asked for", async () => {
    await using folder = await tempFolder();
    const write = async (name: string, text: string): Promise<string> => {
      const path = join(folder.path, name);
      await writeFile(path, text);
      return path;
    };
    const [authority, other] = [makeAuthority(), makeAuthority()];
    const server = makeCertificate(authority, ["127.0.0.1"]);
    const client = makeCertificate(authority, ["client"]);
    const caFile = await write("ca.pem", authority.certificate);
    const otherCa = await write("other.pem", other.certificate);
    const certFile = await write("client.pem", client.certificate);
    const keyFile = await write("client.key", client.key);
    const files = `cert_file: "${await write("server.pem", server.certificate)}", key_file: "${await write("server.key", server.key)}"`;

    await using plain = await startNats();
    await using secure = await startNats({ config: `tls { ${files} }` });
    await using strict = await startNats({ config: `tls { ${files}, ca_file: "${caFile}", verify: true }` });
    await using known = await connectTo([secure.address], { tls: { ...NO_TLS, caFile } });
    await using shown = await connectTo([`tls://${strict.address}`], { tls: { caFile, certFile, keyFile } });
    expect([known.connection.isClosed(), shown.connection.isClosed()]).toEqual([false, false]);

    const refused: readonly (readonly [NatsServer, NatsTls | null])[] = [
      [secure, { ...NO_TLS, caFile: otherCa }],
      [secure, null],
      [plain, { ...NO_TLS, caFile }],
    ];
    for (const [of, tls] of refused) {
      const { code, message } = await problem([of.address], { tls });
      expect([code, message]).toEqual(["tls", expect.stringMatching(/^No TLS connection to NATS at .*nats\.caFile/)]);
    }
    expect((await problem([`tls://${plain.address}`])).code).toBe("tls");
    // In TLS 1.3 a server hangs up on a client without a certificate when that believes to be connected.
    const { code, message } = await problem([strict.address], { tls: { ...NO_TLS, caFile } });
    expect([code, message]).toEqual(["unreachable", expect.stringMatching(/nats\.certFile/)]);
  });
});
