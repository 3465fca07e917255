// How an evaluation stops early. Inside this folder a fault is thrown, because CEL's `||`, `&&`, `all` and `exists`
// may absorb one far from where it arose; the folder's public functions turn it into a Failure value.

type FaultCode = "EXPRESSION_FAILED" | "EXPRESSION_TYPE" | "EXPRESSION_TOO_LARGE" | "EXPRESSION_TOO_COSTLY";

export class Fault extends Error {
  readonly code: FaultCode;
  /** What the owner can do; empty = the catalogue's general advice for the code. */
  readonly guidance: string;
  /** The field and expression it arose in; empty until known. */
  place = "";

  constructor(code: FaultCode, message: string, guidance: string) {
    super(message);
    this.code = code;
    this.guidance = guidance;
  }
}

/** A value is missing or out of range. */
export function failed(message: string, guidance = ""): Fault {
  return new Fault("EXPRESSION_FAILED", message, guidance);
}

/** A value has the wrong type for its place. */
export function wrongType(message: string, guidance = ""): Fault {
  return new Fault("EXPRESSION_TYPE", message, guidance);
}

/** Whether CEL's logic may absorb it: a bound that was hit stays hit. */
export function absorbable(error: unknown): error is Fault {
  return error instanceof Fault && (error.code === "EXPRESSION_FAILED" || error.code === "EXPRESSION_TYPE");
}
