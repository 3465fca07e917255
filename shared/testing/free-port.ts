import { createServer } from "node:net";

/**
 * Ports to choose from: below those that systems hand to outgoing connections (32,768 and up). One of theirs might be
 * taken while its process is down, even by the very connection that tries to reach it.
 */
const PORT_MIN = 12_000;
const PORT_END = 32_000;

/** So many taken ports in a row mean that something else is wrong. */
const TRIES_MAX = 100;

/**
 * A port on loopback that was free a moment ago, for a process whose restart must listen where it did before.
 * Where nothing has to know the port in advance, listen on port 0 instead.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_END - PORT_MIN));
    if (await isFree(port)) return port;
  }
  throw new Error(
    `${TRIES_MAX} ports from ${PORT_MIN} to ${PORT_END} on 127.0.0.1 are taken, or none can be listened on.`,
  );
}

/** Whether nobody listens on a port of loopback just now. */
export function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
