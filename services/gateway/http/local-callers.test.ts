import { describe, expect, it } from "vitest";
import { isLoopback, strangerAtLoopback } from "./local-callers.ts";

describe("a caller of a server on loopback", () => {
  it.each(["localhost:7401", "LOCALHOST", "127.0.0.1:7401", "127.8.9.1", "[::1]:7401"])("may name it %s", (host) => {
    expect(strangerAtLoopback({ host, origin: undefined })).toBeUndefined();
  });

  it.each(["rebound.example:7401", "127.0.0.1.example", "localhost.example", "", undefined, "10.0.0.1", "[::2]"])(
    "may not name it %s",
    (host) => {
      expect(strangerAtLoopback({ host, origin: undefined })).toMatch(/names no local address/);
    },
  );

  it("may be a local page, and no other", () => {
    const host = "127.0.0.1:7401";
    expect(strangerAtLoopback({ host, origin: "http://localhost:3000" })).toBeUndefined();
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
      expect(strangerAtLoopback({ host, origin })).toMatch(/may not call/);
  });

  it("is only asked where the address is loopback", () => {
    expect(["127.0.0.1", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.1.2.3", "millrace.internal"].some(isLoopback)).toBe(false);
  });
});
