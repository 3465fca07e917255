import { X509Certificate } from "node:crypto";
import { connect, createServer } from "node:tls";
import { expect, test } from "vitest";
import { type Certificate, makeAuthority, makeCertificate } from "./certificates.ts";

/** Why a client that trusts the authority does not take the certificate; null = it does. */
async function refusal(authority: Certificate, { certificate, key }: Certificate): Promise<string | null> {
  const server = createServer({ cert: certificate, key });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate });
  try {
    return await new Promise((resolve) => {
      socket.once("secureConnect", () => resolve(null));
      socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

test("a certificate is taken from who trusts its authority, by its names, while it is valid", async () => {
  const [ours, theirs] = [makeAuthority(), makeAuthority()];
  const good = makeCertificate(ours, ["127.0.0.1", "localhost"]);
  expect(await refusal(ours, good)).toBeNull();
  expect(await refusal(theirs, good)).not.toBeNull();
  expect(await refusal(ours, makeCertificate(ours, ["example.com"]))).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  expect(await refusal(ours, makeCertificate(ours, ["127.0.0.1"], "expired"))).toBe("CERT_HAS_EXPIRED");
  const read = new X509Certificate(good.certificate);
  expect(read.subjectAltName).toBe("IP Address:127.0.0.1, DNS:localhost");
  expect(new X509Certificate(ours.certificate).ca).toBe(true);
});
