import { once } from "node:events";
import { createServer } from "node:http";
import { startWorkerServer, testTask } from "@millrace/sdk/worker/testing/worker-server.ts";
import { expect, test } from "vitest";
import { startConnectors } from "./connectors.ts";

test("the built-in worker serves http", async () => {
  const service = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end('{"hello":"world"}');
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const address = service.address();
  const port = address !== null && typeof address === "object" ? address.port : 0;
  await using server = await startWorkerServer();
  const connectors = startConnectors({ address: server.address, http: { allow: [`127.0.0.1:${port}`] } });
  const stream = await server.stream(0);
  expect(stream.frames[0]?.hello).toMatchObject({ name: "connectors", taskTypes: ["http"] });
  stream.welcome();
  await connectors.started;
  await stream.until("credits", () => stream.credits === 500);
  const input = (path: string): Buffer => Buffer.from(JSON.stringify({ url: `http://127.0.0.1:${path}` }));
  stream.hand(
    testTask({ taskType: "http", input: input(`${port}/x`) }),
    testTask({ taskType: "http", step: 1, input: input("1/") }),
  );
  await stream.until("results", () => stream.results.length === 2);
  const [answered, refused] = stream.results.toSorted((a, b) => a.step - b.step).map(({ outcome }) => outcome);
  expect(answered?.$case === "output" && JSON.parse(answered.value.toString())).toMatchObject({
    status: 200,
    body: { hello: "world" },
  });
  expect(refused).toMatchObject({ $case: "failure", value: { code: "HTTP_ADDRESS_REFUSED" } });
  await connectors.stop();
  await connectors.closed;
  service.close();
});
