// Services that are seldom called and slow to load: their code is loaded, and blocks the loop once, with their first call.
import { createRequire } from "node:module";
import type { MethodDefinition, Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";

export interface LazyMethod {
  /** e.g. `/grpc.health.v1.Health/Check` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** Loads a CommonJS package at once; the caller names the type of what that package exports. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- nothing but the caller knows the type
export function loadPackage<Exports>(name: string): Exports {
  // oxlint-disable-next-line typescript/no-unsafe-return -- Node types what it loads as any
  return createRequire(import.meta.url)(name);
}

/** Where `load` registers what it loaded: the part of a grpc-js `Server` that service libraries call. */
export type ServiceSink = Pick<Server, "addService">;

/**
 * Serves `methods` on `server`; `load` runs with the first call of any of them and registers services that have these
 * paths. A path it does not register is a broken invariant and fails its calls with INTERNAL.
 */
export function addLazily(server: Server, methods: readonly LazyMethod[], load: (sink: ServiceSink) => void): void {
  let loaded: Map<string, LoadedMethod> | undefined;
  const method = (path: string): LoadedMethod => {
    loaded ??= collect(load);
    const found = loaded.get(path);
    if (found === undefined) throw new Error(`Nothing was loaded for ${path}.`);
    return found;
  };
  const definition: Record<string, MethodDefinition<unknown, unknown>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const { path, requestStream, responseStream } of methods) {
    definition[path] = {
      path,
      requestStream,
      responseStream,
      requestSerialize: (value) => method(path).definition.requestSerialize(value),
      requestDeserialize: (bytes) => method(path).definition.requestDeserialize(bytes),
      responseSerialize: (value) => method(path).definition.responseSerialize(value),
      responseDeserialize: (bytes) => method(path).definition.responseDeserialize(bytes),
    };
    implementation[path] = (...callAndCallback: unknown[]) => {
      const { handler, implementation: owner } = method(path);
      Reflect.apply(handler, owner, callAndCallback);
    };
  }
  server.addService(definition, implementation);
}

interface LoadedMethod {
  readonly definition: MethodDefinition<unknown, unknown>;
  readonly handler: UntypedServiceImplementation[string];
  readonly implementation: UntypedServiceImplementation;
}

function collect(load: (sink: ServiceSink) => void): Map<string, LoadedMethod> {
  const methods = new Map<string, LoadedMethod>();
  load({
    addService(service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
      for (const [name, definition] of Object.entries(service)) {
        const handler = implementation[name] ?? implementation[definition.originalName ?? name];
        if (handler !== undefined) methods.set(definition.path, { definition, handler, implementation });
      }
    },
  });
  return methods;
}
