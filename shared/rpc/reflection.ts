import { readFileSync } from "node:fs";
import type { Server } from "@grpc/grpc-js";
import type * as ProtoLoader from "@grpc/proto-loader";
import type * as Reflection from "@grpc/reflection";
import type * as HealthCheck from "grpc-health-check";
import { addLazily, loadPackage } from "./lazy-services.ts";

const REFLECTION_METHODS = ["v1", "v1alpha"].map((version) => ({
  path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
  requestStream: true,
  responseStream: true,
}));

/** Lets tools such as grpcurl ask a server for its services and messages, in both versions of the protocol. */
export function addReflection(server: Server): void {
  addLazily(server, REFLECTION_METHODS, (sink) => {
    const reflection = loadPackage<typeof Reflection>("@grpc/reflection");
    const loader = loadPackage<typeof ProtoLoader>("@grpc/proto-loader");
    const health = loadPackage<typeof HealthCheck>("grpc-health-check");
    const descriptors = readFileSync(new URL("generated/descriptors.binpb", import.meta.url));
    const served = {
      ...loader.loadFileDescriptorSetFromBuffer(descriptors),
      ...loader.loadSync(health.protoPath),
    };
    new reflection.ReflectionService(served).addToServer(sink);
  });
}
