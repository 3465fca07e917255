// gRPC clients with the house's limits.
import {
  type ChannelCredentials,
  type Client,
  type ClientOptions,
  credentials,
  makeGenericClientConstructor,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import {
  FLOW_CONTROL_WINDOW_BYTES,
  KEEPALIVE_TIME_MS,
  KEEPALIVE_TIMEOUT_MS,
  REQUEST_BYTES_MAX,
  RESPONSE_BYTES_MAX,
} from "./limits.ts";
import { fastMethods } from "./wire/fast-methods.ts";

/** A generated client class, e.g. `RunServiceClient`. */
export interface RpcClientClass<RpcClient extends Client> {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>): RpcClient;
  readonly service: ServiceDefinition;
  readonly serviceName: string;
}

/**
 * A client of a service at `host:port`. It connects with the first call and reconnects by itself; clients of one address
 * share a connection. Close it with `close()`. Plain text unless the caller brings credentials for TLS.
 */
export function createRpcClient<RpcClient extends Client>(
  clientClass: RpcClientClass<RpcClient>,
  address: string,
  channelCredentials: ChannelCredentials = credentials.createInsecure(),
): RpcClient {
  const made = makeGenericClientConstructor(fastMethods(clientClass.service), clientClass.serviceName);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- grpc-js types no methods; it is the class passed in, with other codecs
  const FastClient = made as unknown as RpcClientClass<RpcClient>;
  return new FastClient(address, channelCredentials, CHANNEL_OPTIONS);
}

/** The deadline of a call that may take `timeoutMs` from now; goes into its call options. */
export function deadlineIn(timeoutMs: number): { readonly deadline: number } {
  return { deadline: Date.now() + timeoutMs };
}

const CHANNEL_OPTIONS: ClientOptions = {
  "grpc.max_send_message_length": REQUEST_BYTES_MAX,
  "grpc.max_receive_message_length": RESPONSE_BYTES_MAX,
  "grpc-node.flow_control_window": FLOW_CONTROL_WINDOW_BYTES,
  "grpc.keepalive_time_ms": KEEPALIVE_TIME_MS,
  "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
  "grpc.keepalive_permit_without_calls": 1,
  // Neither the introspection of gRPC itself, nor a proxy or DNS record that decides for a Millrace client.
  "grpc.enable_channelz": 0,
  "grpc.enable_http_proxy": 0,
  "grpc.service_config_disable_resolution": 1,
  // A server that was restarted is found again at once; the default waits 1 s first and up to 2 min later.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
};
