// What happens to a connection, told the moment it does: whoever waits for an answer over it need not wait in vain.
import { Socket } from "node:net";
import type { NatsConnection, Status } from "@nats-io/nats-core";
import { NatsProblem, problemOf } from "./problem.ts";

/** One connection's news, shared by all who use it. */
export class ConnectionNews {
  static readonly #known = new WeakMap<NatsConnection, ConnectionNews>();
  readonly #connection: NatsConnection;
  readonly #listeners = new Set<(isUp: boolean) => void>();
  readonly #reporters = new Set<(problem: NatsProblem) => void>();
  #isUp = true;

  static of(connection: NatsConnection): ConnectionNews {
    const known = ConnectionNews.#known.get(connection);
    if (known !== undefined) return known;
    const news = new ConnectionNews(connection);
    ConnectionNews.#known.set(connection, news);
    void news.#read();
    return news;
  }

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Calls back whenever the connection was lost (false) or is there again (true), until the returned function is called. */
  listen(changed: (isUp: boolean) => void): () => void {
    this.#listeners.add(changed);
    return () => void this.#listeners.delete(changed);
  }

  /** Calls back with what servers complain of, and with what is wrong when the connection is given up. */
  report(problem: (problem: NatsProblem) => void): () => void {
    this.#reporters.add(problem);
    return () => void this.#reporters.delete(problem);
  }

  async #read(): Promise<void> {
    for await (const status of this.#connection.status()) this.#tell(status);
    this.#turn(false);
    const error = await this.#connection.closed();
    if (error === undefined) return;
    this.#complain(
      new NatsProblem("closed", `The connection to NATS was given up: ${error.message}. Start the process anew.`, {
        cause: error,
      }),
    );
  }

  #tell(status: Status): void {
    switch (status.type) {
      case "disconnect":
      case "close":
        this.#turn(false);
        return;
      case "reconnect":
        this.#turn(true);
        return;
      case "error":
        this.#complain(problemOf(status.error, this.#connection.getServer()));
        return;
      case "staleConnection":
        this.#abandon();
        return;
      case "forceReconnect":
      case "ldm":
      case "ping":
      case "reconnecting":
      case "slowConsumer":
      case "update":
    }
  }

  /**
   * The server does not answer. The client now waits until all it had sent is out before it tries another server, which
   * never is where nobody reads: destroying the socket ends that wait.
   */
  #abandon(): void {
    const socket = field(field(field(this.#connection, "protocol"), "transport"), "socket");
    if (socket instanceof Socket) socket.destroy();
  }

  #turn(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    for (const changed of [...this.#listeners]) changed(isUp);
  }

  #complain(problem: NatsProblem): void {
    for (const report of [...this.#reporters]) report(problem);
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
