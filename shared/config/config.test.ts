import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConfigInput, readConfig } from "./config.ts";
import { environmentName } from "./section.ts";

function input(text: string | null, rest: Partial<ConfigInput> = {}): ConfigInput {
  return { file: text === null ? null : { name: "millrace.yaml", text }, environment: {}, flags: {}, ...rest };
}

/** The problems' messages. */
function problems(given: ConfigInput): string[] {
  const outcome = readConfig(given);
  return outcome.type === "problems" ? outcome.problems.map(({ message }) => message) : [];
}

describe("configuration", () => {
  test("is all defaults when nothing is given: loopback, one shard, a week", () => {
    expect(readConfig(input(null))).toEqual({
      type: "config",
      config: {
        gateway: { host: "127.0.0.1", grpcPort: 7400, httpPort: 7401, stopGraceMs: 10_000 },
        storage: { folder: "./data", shards: 1, retentionMs: 604_800_000 },
        nats: { servers: [], prefix: "millrace", login: null, tls: null, replicas: 3, streams: 4 },
        connectors: { capacity: 100, httpAllow: [] },
        log: { level: "info" },
      },
    });
    expect(readConfig(input(""))).toEqual(readConfig(input(null)));
  });

  test("prefers a flag to the environment to the file", () => {
    const file = "gateway: { host: '::1', grpcPort: 1, httpPort: 1, stopGrace: 1m30s }\n";
    const environment = { MILLRACE_GATEWAY_GRPC_PORT: "2", MILLRACE_GATEWAY_HTTP_PORT: "2" };
    const outcome = readConfig(input(file, { environment, flags: { "gateway.httpPort": "3" } }));
    expect(outcome).toMatchObject({
      config: { gateway: { host: "::1", grpcPort: 1 + 1, httpPort: 3, stopGraceMs: 90_000 } },
    });
  });

  test("reads JSON and lists, in the environment with commas", () => {
    const allow = ["10.0.0.0/8", "::1", "127.0.0.1:9000", "[::1]:9000"];
    const file = readConfig(input(JSON.stringify({ connectors: { httpAllow: allow } })));
    const variable = readConfig(input(null, { environment: { MILLRACE_CONNECTORS_HTTP_ALLOW: allow.join(", ") } }));
    expect(file).toMatchObject({ config: { connectors: { httpAllow: allow } } });
    expect(variable).toEqual(file);
  });

  test("I8: names option, value, source, bound and fix", () => {
    expect(problems(input(null, { environment: { MILLRACE_GATEWAY_GRPC_PORT: "70000" } }))).toEqual([
      'gateway.grpcPort is "70000" (environment variable MILLRACE_GATEWAY_GRPC_PORT), but must be a whole number from 0 to 65535. Change it, or remove it for the default, 7400.',
    ]);
  });

  test.each([
    ["storage: { shards: 0 }", "storage.shards is 0 (millrace.yaml), but must be a whole number from 1 to 64"],
    ["storage: { shards: 1.5 }", "storage.shards is 1.5"],
    ["storage: { folder: '' }", 'storage.folder is "" (millrace.yaml), but must be text of 1 to 4096 characters'],
    ["storage: { retention: 7 }", "must be a duration with its unit, from 1d to 3650d"],
    ["storage: { retention: 1h }", 'storage.retention is "1h"'],
    ["log: { level: loud }", "must be one of debug, info, warn, error, silent"],
    ["connectors: { httpAllow: [10.0.0.0/33] }", "must be at most 100 of IP addresses"],
    ["connectors: { httpAllow: ['127.0.0.1:80', intranet.example] }", 'of which "intranet.example" is none'],
    ["connectors: { httpAllow: ['127.0.0.1:0'] }", 'of which "127.0.0.1:0" is none'],
    ["connectors: { httpAllow: ['127.0.0.1:65536'] }", 'of which "127.0.0.1:65536" is none'],
    ["connectors: { httpAllow: ['127.0.0.1:'] }", 'of which "127.0.0.1:" is none'],
    ["connectors: { httpAllow: ['127.0.0:80'] }", 'of which "127.0.0:80" is none'],
    ["connectors: { httpAllow: ['10.0.0.0/8:80'] }", 'of which "10.0.0.0/8:80" is none'],
    ["connectors: { httpAllow: ['[10.0.0.1]:80'] }", 'of which "[10.0.0.1]:80" is none'],
    ["connectors: { httpAllow: ['[::1]'] }", 'of which "[::1]" is none'],
    ["connectors: { httpAllow: ['fe80::1%eth0'] }", 'of which "fe80::1%eth0" is none'],
    ["connectors: { httpAllow: ['http://10.0.0.1'] }", 'of which "http://10.0.0.1" is none'],
    ["connectors: { httpAllow: [9000] }", "of which 9000 is none"],
    ["connectors: { httpAllow: { host: x } }", "must be at most 100 of IP addresses"],
    ["gateway: { grpcport: 1 }", "gateway.grpcport is no option. Remove it or choose from: host, grpcPort"],
    ["gateways: {}", "gateways is no section. Remove it or choose from: gateway, storage, nats, connectors, log."],
    ["gateway: 7400", "gateway in millrace.yaml is no section"],
    ["- gateway", "holds no sections"],
    ["gateway: {", "is neither YAML nor JSON"],
  ])("I8: %s is refused", (text, message) => {
    expect(problems(input(text))).toEqual([expect.stringContaining(message)]);
  });

  test("takes one login and the files of TLS for NATS, from wherever they are given", () => {
    const file =
      "nats: { servers: ['nats://n1:4222', 'tls://[::1]:4222', n3], replicas: 1, streams: 8, prefix: blue-1 }";
    const environment = { MILLRACE_NATS_USER: "node", MILLRACE_NATS_PASSWORD: "file:/run/secrets/nats" };
    expect(
      readConfig(input(file, { environment, flags: { "nats.caFile": "ca.pem", "nats.replicas": "5" } })),
    ).toMatchObject({
      config: {
        nats: {
          servers: ["nats://n1:4222", "tls://[::1]:4222", "n3"],
          prefix: "blue-1",
          login: { type: "user", user: "node", password: "file:/run/secrets/nats" },
          tls: { caFile: "ca.pem", certFile: null, keyFile: null },
          replicas: 5,
          streams: 8,
        },
      },
    });
    const logins = ["{ credentials: n.creds }", "{ nkey: 'env:SEED' }", "{ token: 'file:t' }"].map((nats) => {
      const outcome = readConfig(input(`nats: ${nats}`));
      return outcome.type === "config" ? outcome.config.nats.login : null;
    });
    expect(logins).toEqual([
      { type: "credentials", file: "n.creds" },
      { type: "nkey", seed: "env:SEED" },
      { type: "token", token: "file:t" },
    ]);
  });

  test.each([
    ["nats: { replicas: 2 }", "nats.replicas is 2 (millrace.yaml), but must be one of 1, 3, 5"],
    [
      "nats: { prefix: Blue }",
      'nats.prefix is "Blue" (millrace.yaml), but must be 1 to 32 characters of a-z, 0-9 and -',
    ],
    ["nats: { streams: 65 }", "must be a whole number from 1 to 64"],
    ["nats: { servers: ['http://n1'] }", "must be at most 16 of servers, host:port"],
    [
      "nats: { credentials: a, token: 'env:B' }",
      "nats.credentials and nats.token exclude one another. Keep one of them.",
    ],
    ["nats: { user: a }", "nats.user and nats.password go together. Give both or neither."],
    ["nats: { keyFile: a }", "nats.certFile and nats.keyFile go together. Give both or neither."],
    ["nats: { caFile: '' }", "must be text of 1 to 4096 characters. Change it, or remove it for the default, none."],
  ])("I8: %s is refused", (text, message) => {
    expect(problems(input(text))).toEqual([expect.stringContaining(message)]);
  });

  test("I8: a secret in the place of a reference is refused and not shown", () => {
    const file = "nats: { user: u, password: hunter2, servers: ['nats://u:hunter2@n1'], token: 7 }";
    const told = problems(input(file));
    expect(told).toContainEqual(
      "nats.password is something that is not shown (millrace.yaml), but must be a reference, env:NAME or file:PATH, of at most 4096 characters. Change it, or remove it for the default, none.",
    );
    expect(told.filter((message) => message.includes("hunter2"))).toEqual([]);
    expect(told).toHaveLength(4);
  });

  test("I8: all problems are told at once", () => {
    expect(problems(input("gateway: { grpcPort: -1, httpPort: x }\nstorage: { shards: 65 }"))).toHaveLength(3);
  });

  test("I8: a flag that sets nothing is refused", () => {
    expect(problems(input(null, { flags: { "gateway.port": "1" } }))).toEqual([
      expect.stringContaining("gateway.port is no option"),
    ]);
  });

  test("I8: any value gives a configuration or problems, never an exception", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom("gateway", "storage", "log", "x"), fc.jsonValue()), (file) => {
        const outcome = readConfig(input(JSON.stringify(file)));
        expect(["config", "problems"]).toContain(outcome.type);
      }),
    );
  });
});

test("an option's environment variable is its name in capitals", () => {
  expect(environmentName("gateway.grpcPort")).toBe("MILLRACE_GATEWAY_GRPC_PORT");
});
