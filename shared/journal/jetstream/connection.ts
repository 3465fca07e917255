// Whether a connection is up, told the moment it changes: who waits for an answer over it need not wait in vain.
import type { NatsConnection } from "@nats-io/nats-core";

/** One connection's news, shared by all journals on it. */
export class ConnectionNews {
  static readonly #known = new WeakMap<NatsConnection, ConnectionNews>();
  #isUp = true;
  readonly #listeners = new Set<(isUp: boolean) => void>();

  static of(connection: NatsConnection): ConnectionNews {
    const known = ConnectionNews.#known.get(connection);
    if (known !== undefined) return known;
    const news = new ConnectionNews();
    ConnectionNews.#known.set(connection, news);
    void news.#read(connection);
    return news;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Calls back whenever the connection was lost (false) or is there again (true), until the returned function is called. */
  listen(changed: (isUp: boolean) => void): () => void {
    this.#listeners.add(changed);
    return () => {
      this.#listeners.delete(changed);
    };
  }

  async #read(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect" || type === "close") this.#tell(false);
      else if (type === "reconnect") this.#tell(true);
    }
    this.#tell(false);
  }

  #tell(isUp: boolean): void {
    this.#isUp = isUp;
    for (const changed of this.#listeners) changed(isUp);
  }
}
