import { createServer } from "node:net";

/**
 * A port on loopback that was free a moment ago, for a process whose restart must listen where it did before.
 * Where nothing has to know the port in advance, listen on port 0 instead.
 */
export async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => {
      if (address === null || typeof address === "string") reject(new Error("The server listens on no port."));
      else resolve(address.port);
    });
  });
  return promise;
}
