// A wire between a client and a server that a test can hold up, in one direction or both, or cut.
import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "to the server" | "to the client";

/** Starts a wire to `host:port`; `await using` cuts it and stops listening. */
export async function startTcpProxy(target: string): Promise<TcpProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  return proxy;
}

export class TcpProxy implements AsyncDisposable {
  readonly #target: string;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [client: Socket, server: Socket]>();
  readonly #held = new Set<Direction>();
  #address = "";

  constructor(target: string) {
    this.#target = target;
    this.#server = createServer((client) => {
      this.#join(client);
    });
  }

  /** Where clients connect to instead of the target. */
  get address(): string {
    return this.#address;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, "127.0.0.1", resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The proxy listens on no port.");
    this.#address = `127.0.0.1:${address.port}`;
  }

  /** Keeps back what is sent that way from now on, on connections there are and to come; nobody notices. */
  hold(direction: Direction): void {
    this.#held.add(direction);
    for (const pair of this.#pairs) source(pair, direction).pause();
  }

  /** Lets everything through again, what was kept back first. */
  pass(): void {
    this.#held.clear();
    for (const [client, server] of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  /** Ends all connections. What was kept back never arrives; new connections can be made. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.cut();
    await closed;
  }

  #join(client: Socket): void {
    const [host, port] = this.#target.split(":");
    const server = connect(Number(port), host);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      const other = socket === client ? server : client;
      socket.on("data", (bytes) => {
        other.write(bytes);
      });
      // One end is gone, for whatever reason: so is the other.
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    for (const direction of this.#held) source(pair, direction).pause();
  }
}

/** The socket that is read for what goes that way. */
function source([client, server]: readonly [Socket, Socket], direction: Direction): Socket {
  return direction === "to the server" ? client : server;
}
