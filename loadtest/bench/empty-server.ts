// A gRPC server whose StartRun does nothing: the price of a unary call.

import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { RunServiceService, type StartRunResponse } from "@millrace/rpc/generated/millrace/v1/runs.ts";
import { startRpcServer } from "@millrace/rpc/server.ts";

const answer: StartRunResponse = { runId: "01234567890123456789", repeatedStart: false, end: undefined };
const implementation = {
  startRun: (_call: ServerUnaryCall<unknown, StartRunResponse>, respond: sendUnaryData<StartRunResponse>) =>
    respond(null, answer),
};
const { startRun } = RunServiceService;
const server = await startRpcServer([{ definition: { startRun }, implementation }], {
  host: "127.0.0.1",
  port: 0,
});
process.stdout.write(`The empty server listens on 127.0.0.1:${server.port}\n`);
