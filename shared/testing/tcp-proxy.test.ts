import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { startTcpProxy } from "./tcp-proxy.ts";
import { waitUntil } from "./wait-until.ts";

/** Everything a socket has heard so far, as text. */
function heard(socket: Socket): { readonly text: () => string } {
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString();
  });
  socket.on("error", () => undefined);
  return { text: () => text };
}

test("a wire carries, keeps back one way or the other, and is cut", async () => {
  const echo = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => {
    echo.listen(0, "127.0.0.1", resolve);
  });
  const address = echo.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  {
    await using proxy = await startTcpProxy(`127.0.0.1:${port}`);
    const [host, proxyPort] = proxy.address.split(":");
    const client = connect(Number(proxyPort), host);
    const answers = heard(client);
    client.write("one ");
    await waitUntil("an echo", () => answers.text() === "one ");

    for (const direction of ["to the server", "to the client"] as const) {
      proxy.hold(direction);
      const before = answers.text();
      client.write("held ");
      // What goes over another connection arrives meanwhile, so this had its time.
      const other = connect(port, host);
      const direct = heard(other);
      other.write("direct");
      await waitUntil("the direct echo", () => direct.text() === "direct");
      other.destroy();
      expect(answers.text()).toBe(before);
      proxy.pass();
      await waitUntil("what was held", () => answers.text() === `${before}held `);
    }

    const closed = new Promise((resolve) => {
      client.once("close", resolve);
    });
    proxy.cut();
    await closed;
    const again = connect(Number(proxyPort), host);
    const answersAgain = heard(again);
    again.write("two");
    await waitUntil("an echo over a new connection", () => answersAgain.text() === "two");
  }
  await new Promise((resolve) => {
    echo.close(resolve);
  });
});
