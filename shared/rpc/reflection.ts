import { readFileSync } from "node:fs";
import { BinaryReader } from "@bufbuild/protobuf/wire";
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
    const served = { "millrace.v1": apiFiles(), ...loader.loadSync(health.protoPath) };
    new reflection.ReflectionService(served).addToServer(sink);
  });
}

/**
 * The API's files as they are. Read by the loader they would become one file a package, under the name of one of them, and
 * there would be none of the other names.
 */
function apiFiles(): ProtoLoader.EnumTypeDefinition {
  const descriptors = new BinaryReader(readFileSync(new URL("generated/descriptors.binpb", import.meta.url)));
  const fileDescriptorProtos: Buffer[] = [];
  // A FileDescriptorSet has one field: its files.
  while (descriptors.pos < descriptors.len) {
    descriptors.tag();
    fileDescriptorProtos.push(Buffer.from(descriptors.bytes()));
  }
  // Of the loader's definitions the one that holds nothing but files, which are all that reflection reads.
  return { format: "Protocol Buffer 3 EnumDescriptorProto", type: {}, fileDescriptorProtos };
}
