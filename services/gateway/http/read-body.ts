import type { IncomingMessage } from "node:http";

/** Bytes of all bodies being read at once: with more, callers are asked to come back. */
const BYTES_READING_MAX = 256 * 1024 * 1024;

/** What became of reading a body. `gone`: the caller left. */
export type ReadBody =
  | { readonly type: "body"; readonly bytes: Buffer }
  | { readonly type: "too-large" }
  | { readonly type: "overloaded" }
  | { readonly type: "gone" };

/** Reads request bodies under a bound for each and a bound for all. */
export class BodyReader {
  #reading = 0;

  read(request: IncomingMessage, bytesMax: number): Promise<ReadBody> {
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) return Promise.resolve({ type: "too-large" });
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = (result: ReadBody) => {
        this.#reading -= bytes;
        bytes = 0;
        request.removeAllListeners("data");
        resolve(result);
      };
      request.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        this.#reading += chunk.length;
        chunks.push(chunk);
        if (bytes > bytesMax) finish({ type: "too-large" });
        else if (this.#reading > BYTES_READING_MAX) finish({ type: "overloaded" });
      });
      request.once("end", () => finish({ type: "body", bytes: Buffer.concat(chunks) }));
      request.once("close", () => finish({ type: "gone" }));
    });
  }
}
