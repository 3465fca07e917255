import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Server } from "@grpc/grpc-js";
import { addLazily } from "./lazy-services.ts";

const REFLECTION_METHODS = ["v1", "v1alpha"].map((version) => ({
  path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
  requestStream: true,
  responseStream: true,
}));

/** Lets tools such as grpcurl ask a server for its services and messages, in both versions of the protocol. */
export function addReflection(server: Server): void {
  addLazily(server, REFLECTION_METHODS, (sink) => {
    const load = createRequire(import.meta.url);
    const reflection: typeof import("@grpc/reflection") = load("@grpc/reflection");
    const loader: typeof import("@grpc/proto-loader") = load("@grpc/proto-loader");
    const health: typeof import("grpc-health-check") = load("grpc-health-check");
    const descriptors = readFileSync(new URL("generated/descriptors.binpb", import.meta.url));
    const served = {
      ...loader.loadFileDescriptorSetFromBuffer(descriptors),
      ...loader.loadSync(health.protoPath),
    };
    new reflection.ReflectionService(served).addToServer(sink);
  });
}
