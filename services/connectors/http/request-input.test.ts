import { PermanentError } from "@millrace/sdk/worker/task-errors.ts";
import { describe, expect, test } from "vitest";
import { redirectUrl, requestOf } from "./request-input.ts";

describe("a request", () => {
  test("has defaults for everything but its url", () => {
    const request = requestOf({ url: "https://service.example/path?a=1#part" });
    expect(request).toMatchObject({
      method: "GET",
      headers: {},
      body: null,
      timeoutMs: 30_000,
      expect: null,
      followRedirects: true,
    });
    expect(request.url.href).toBe("https://service.example/path?a=1");
  });

  test("takes what the step says", () => {
    const request = requestOf({
      method: "post",
      url: "http://service.example/orders",
      headers: { "X-Team": "blue", "x-count": 3 },
      query: { page: 2, tag: ["a b", "c&d"], none: null },
      body: { ok: true },
      timeoutMs: 5,
      expect: [200, 404],
      maxResponseBytes: 10,
      followRedirects: false,
    });
    expect(request.url.search).toBe("?page=2&tag=a+b&tag=c%26d");
    expect(request.headers).toEqual({ "x-team": "blue", "x-count": "3", "content-type": "application/json" });
    const rest = { method: "POST", body: '{"ok":true}', timeoutMs: 5, expect: [200, 404], followRedirects: false };
    expect(request).toMatchObject(rest);
  });

  test("keeps a null body, and a content type of one's own", () => {
    const request = requestOf({
      method: "PUT",
      url: "http://a.example",
      body: null,
      headers: { "Content-Type": "text/x" },
    });
    expect(request.body).toBe("null");
    expect(request.headers).toEqual({ "content-type": "text/x" });
    expect(requestOf({ method: "PATCH", url: "http://a.example", text: "hi" }).headers["content-type"]).toContain(
      "text/plain",
    );
  });

  test.each([
    ["with", null],
    ["with", ["http://a.example"]],
    ["url", {}],
    ["url", { url: "/relative" }],
    ["url", { url: "ftp://a.example" }],
    ["url", { url: "file:///etc/passwd" }],
    ["url", { url: "http://user:secret@a.example" }],
    ["url", { url: `http://a.example/${"x".repeat(20_000)}` }],
    ["method", { url: "http://a.example", method: "CONNECT" }],
    ["method", { url: "http://a.example", method: "GET / HTTP/1.1\r\nX: y" }],
    ["headers", { url: "http://a.example", headers: "x" }],
    ["headers.x", { url: "http://a.example", headers: { x: "a\r\nhost: evil" } }],
    ["headers.x", { url: "http://a.example", headers: { x: "a\nb" } }],
    ["headers.x", { url: "http://a.example", headers: { x: "a\0b" } }],
    ["headers.x", { url: "http://a.example", headers: { x: "smile ☺" } }],
    ["headers.a b", { url: "http://a.example", headers: { "a b": "1" } }],
    ["headers.a:\r\nb", { url: "http://a.example", headers: { "a:\r\nb": "1" } }],
    ["headers.Host", { url: "http://a.example", headers: { Host: "evil.example" } }],
    ["headers.transfer-encoding", { url: "http://a.example", headers: { "transfer-encoding": "chunked" } }],
    ["headers.Content-Length", { url: "http://a.example", headers: { "Content-Length": "0" } }],
    ["body", { url: "http://a.example", body: {} }],
    ["text", { url: "http://a.example", method: "POST", body: {}, text: "" }],
    ["text", { url: "http://a.example", method: "POST", text: 5 }],
    ["query", { url: "http://a.example", query: "a=b" }],
    ["query.a", { url: "http://a.example", query: { a: {} } }],
    ["timeoutMs", { url: "http://a.example", timeoutMs: 0 }],
    ["maxResponseBytes", { url: "http://a.example", maxResponseBytes: 1e9 }],
    ["expect", { url: "http://a.example", expect: ["200"] }],
    ["expect", { url: "http://a.example", expect: [] }],
    ["followRedirects", { url: "http://a.example", followRedirects: "no" }],
    ["verb", { url: "http://a.example", verb: "GET" }],
  ])("I8: is refused, naming %j and the fix: %j", (field, input) => {
    try {
      requestOf(input);
      expect.unreachable();
    } catch (error: unknown) {
      expect(error).toBeInstanceOf(PermanentError);
      expect(error).toMatchObject({ code: "HTTP_INPUT_INVALID", guidance: expect.stringMatching(/\w/) });
      expect(String(error)).toContain(field);
    }
  });
});

test("a redirect goes to http and https alone, and leaves credentials behind", () => {
  const base = new URL("https://a.example/x/y");
  expect(redirectUrl("../z", base)?.href).toBe("https://a.example/z");
  expect(redirectUrl("http://u:p@b.example", base)?.href).toBe("http://b.example/");
  expect(redirectUrl("file:///etc/passwd", base)).toBeUndefined();
  expect(redirectUrl("http://", base)).toBeUndefined();
});
