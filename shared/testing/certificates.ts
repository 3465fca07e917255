// Certificates for tests, made on the spot: an authority, and what it signs. X.509 version 3 with P-256 keys, in the few
// fields that OpenSSL and Go insist on (RFC 5280); Node can read certificates but not make them.
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

// Tags of ASN.1's distinguished encoding (X.690).
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;
/** In the order of their meaning in a certificate: version, extensions. */
const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
/** In a list of alternative names. */
const DNS_NAME = 0x82;
const IP_ADDRESS = 0x87;

const COMMON_NAME = Buffer.from([0x55, 0x04, 0x03]);
const ALTERNATIVE_NAMES = Buffer.from([0x55, 0x1d, 0x11]);
const BASIC_CONSTRAINTS = Buffer.from([0x55, 0x1d, 0x13]);
const ECDSA_WITH_SHA256 = Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);

const DAY_MS = 24 * 60 * 60 * 1000;

/** What issuers of these tests are called: one name is enough, keys tell them apart. */
const ISSUER = "Millrace tests";

/** An authority, which signs itself. */
export function makeAuthority(): Certificate {
  return make({ name: ISSUER, alternatives: [], issuer: null, validMs: [-DAY_MS, DAY_MS] });
}

/** A certificate for these names and IP addresses, signed by the authority; `expired` = it was valid until yesterday. */
export function makeCertificate(authority: Certificate, names: readonly string[], state?: "expired"): Certificate {
  const validMs = state === "expired" ? ([-2 * DAY_MS, -DAY_MS] as const) : ([-DAY_MS, DAY_MS] as const);
  return make({ name: names[0] ?? "", alternatives: names, issuer: authority, validMs });
}

interface Wanted {
  readonly name: string;
  readonly alternatives: readonly string[];
  /** null = itself. */
  readonly issuer: Certificate | null;
  /** From and until, from now. */
  readonly validMs: readonly [number, number];
}

function make({ name, alternatives, issuer, validMs }: Wanted): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const algorithm = der(SEQUENCE, der(OBJECT_ID, ECDSA_WITH_SHA256));
  const extension =
    issuer === null
      ? [
          der(OBJECT_ID, BASIC_CONSTRAINTS),
          der(BOOLEAN, [0xff]),
          der(OCTET_STRING, der(SEQUENCE, der(BOOLEAN, [0xff]))),
        ]
      : [der(OBJECT_ID, ALTERNATIVE_NAMES), der(OCTET_STRING, der(SEQUENCE, ...alternatives.map(alternative)))];
  const signed = der(
    SEQUENCE,
    der(VERSION, der(INTEGER, [2])),
    der(INTEGER, [1, ...randomBytes(8)]),
    algorithm,
    nameOf(ISSUER),
    der(SEQUENCE, ...validMs.map((ms) => timeIn(ms))),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(EXTENSIONS, der(SEQUENCE, der(SEQUENCE, ...extension))),
  );
  const signer: KeyObject = issuer === null ? privateKey : createPrivateKey(issuer.key);
  const whole = der(SEQUENCE, signed, algorithm, der(BIT_STRING, [0], sign("sha256", signed, signer)));
  const lines = whole.toString("base64").replaceAll(/.{64}/g, "$&\n");
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

function der(tag: number, ...contents: readonly (Uint8Array | readonly number[])[]): Buffer {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part)));
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function nameOf(text: string): Buffer {
  const attribute = der(SEQUENCE, der(OBJECT_ID, COMMON_NAME), der(UTF8_STRING, Buffer.from(text)));
  return der(SEQUENCE, der(SET, attribute));
}

function timeIn(ms: number): Buffer {
  const digits = new Date(Date.now() + ms).toISOString().replaceAll(/\D/g, "").slice(2, 14);
  return der(UTC_TIME, Buffer.from(`${digits}Z`));
}

function alternative(name: string): Buffer {
  if (isIP(name) === 4) return der(IP_ADDRESS, name.split(".").map(Number));
  return der(DNS_NAME, Buffer.from(name));
}
