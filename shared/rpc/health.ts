import type { Server } from "@grpc/grpc-js";
import type * as HealthCheck from "grpc-health-check";
import { addLazily, loadPackage } from "./lazy-services.ts";

const HEALTH_METHODS = [
  { path: "/grpc.health.v1.Health/Check", requestStream: false, responseStream: false },
  { path: "/grpc.health.v1.Health/List", requestStream: false, responseStream: false },
  { path: "/grpc.health.v1.Health/Watch", requestStream: false, responseStream: true },
];

/** grpc.health.v1 for the whole server (the service named "") and each of its services. */
export class HealthService {
  readonly #names: readonly string[];
  #status: "SERVING" | "NOT_SERVING" = "SERVING";
  #loaded: HealthCheck.HealthImplementation | undefined;

  constructor(serviceNames: readonly string[]) {
    this.#names = ["", ...serviceNames];
  }

  addTo(server: Server): void {
    addLazily(server, HEALTH_METHODS, (sink) => {
      const library = loadPackage<typeof HealthCheck>("grpc-health-check");
      const statuses: HealthCheck.ServingStatusMap = {};
      for (const name of this.#names) statuses[name] = this.#status;
      this.#loaded = new library.HealthImplementation(statuses);
      this.#loaded.addToServer(sink);
    });
  }

  /** Everything is NOT_SERVING from now on; watchers are told. */
  drain(): void {
    if (this.#status === "NOT_SERVING") return;
    this.#status = "NOT_SERVING";
    for (const name of this.#names) this.#loaded?.setStatus(name, "NOT_SERVING");
  }
}
