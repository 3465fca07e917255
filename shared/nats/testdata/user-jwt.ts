// Users as NATS's decentralised security knows them: an operator signs an account, the account signs users, and a server
// trusts the operator. What `nsc` does, in the few claims that a server looks at.
import { nkeys } from "@nats-io/nats-core";

type KeyPair = ReturnType<typeof nkeys.createUser>;

const decoder = new TextDecoder();

/** An operator with one account, which JetStream serves. */
export class Operator {
  readonly #account = nkeys.createAccount();
  /** For the configuration of a server. */
  readonly config: string;

  constructor() {
    const operator = nkeys.createOperator();
    const system = nkeys.createAccount();
    const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, conn: -1, leaf: -1, wildcards: true };
    const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
    const accounts = [
      [this.#account, claims(this.#account, operator, { type: "account", limits: { ...limits, ...storage } })],
      [system, claims(system, operator, { type: "account", limits })],
    ] as const;
    this.config = [
      `operator: ${claims(operator, operator, { type: "operator" })}`,
      "resolver: MEMORY",
      `system_account: ${system.getPublicKey()}`,
      `resolver_preload { ${accounts.map(([account, jwt]) => `${account.getPublicKey()}: ${jwt}`).join("\n")} }`,
    ].join("\n");
  }

  /** The text of a new user's credentials file. */
  credentials(): string {
    const user = nkeys.createUser();
    const jwt = claims(user, this.#account, { type: "user", subs: -1, data: -1, payload: -1 });
    const seed = decoder.decode(user.getSeed());
    return [
      "-----BEGIN NATS USER JWT-----",
      jwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      seed,
      "------END USER NKEY SEED------",
      "",
    ].join("\n");
  }
}

function claims(subject: KeyPair, issuer: KeyPair, nats: Readonly<Record<string, unknown>>): string {
  const body = {
    jti: subject.getPublicKey(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name: "test",
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const signed = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part(body)}`;
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString("base64url")}`;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
