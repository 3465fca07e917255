// The gRPC statuses Millrace answers with, by name, and their numbers on gRPC and over HTTP.

/** Number of the status in a gRPC trailer, and the HTTP status of the same answer in the JSON API. */
export interface StatusNumbers {
  readonly grpc: number;
  readonly http: number;
}

/** Every status an answer of Millrace may have. The HTTP numbers are the ones gRPC gateways agree on. */
export const STATUSES = {
  CANCELLED: { grpc: 1, http: 499 },
  UNKNOWN: { grpc: 2, http: 500 },
  INVALID_ARGUMENT: { grpc: 3, http: 400 },
  DEADLINE_EXCEEDED: { grpc: 4, http: 504 },
  NOT_FOUND: { grpc: 5, http: 404 },
  ALREADY_EXISTS: { grpc: 6, http: 409 },
  PERMISSION_DENIED: { grpc: 7, http: 403 },
  RESOURCE_EXHAUSTED: { grpc: 8, http: 429 },
  FAILED_PRECONDITION: { grpc: 9, http: 400 },
  ABORTED: { grpc: 10, http: 409 },
  OUT_OF_RANGE: { grpc: 11, http: 400 },
  UNIMPLEMENTED: { grpc: 12, http: 501 },
  INTERNAL: { grpc: 13, http: 500 },
  UNAVAILABLE: { grpc: 14, http: 503 },
  DATA_LOSS: { grpc: 15, http: 500 },
  UNAUTHENTICATED: { grpc: 16, http: 401 },
} as const satisfies Record<string, StatusNumbers>;

export type StatusName = keyof typeof STATUSES;

const namesByNumber = new Map<number, StatusName>();
for (const name of Object.keys(STATUSES)) {
  if (isStatusName(name)) namesByNumber.set(STATUSES[name].grpc, name);
}

/** The name of a gRPC status number; `UNKNOWN` for a number gRPC does not define. */
export function statusName(grpcNumber: number): StatusName {
  return namesByNumber.get(grpcNumber) ?? "UNKNOWN";
}

function isStatusName(name: string): name is StatusName {
  return Object.hasOwn(STATUSES, name);
}
