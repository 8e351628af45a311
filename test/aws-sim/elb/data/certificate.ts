import { generateKeyPairSync, sign } from "node:crypto";

/* A certificate for HTTPS listeners: there is no certificate manager in this world, and no other program is asked. */

/** A day more than a year, from an hour ago: clients compare with the machine's clock. */
const VALID = 366 * 24 * 3_600_000;

/** Signs itself; PEM. Good for these DNS names, wildcards included. */
export function selfSigned(names: readonly string[]): { readonly key: string; readonly certificate: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(tag(0x31, sequence(oid(0x55, 4, 3), utf8(names[0] ?? "load balancer"))));
  const now = Date.now();
  const algorithm = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));
  const body = sequence(
    tag(0xa0, tag(2, Buffer.from([2]))),
    tag(2, Buffer.from([1])),
    algorithm,
    name,
    sequence(time(now - 3_600_000), time(now + VALID)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tag(0xa3, sequence(subjectNames(names))),
  );
  const signature = sign("sha256", body, privateKey);
  const der = sequence(body, algorithm, tag(3, Buffer.from([0]), signature));
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${der.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END CERTIFICATE-----\n`,
  };
}

const subjectNames = (names: readonly string[]) =>
  sequence(oid(0x55, 0x1d, 0x11), tag(4, sequence(...names.map((name) => tag(0x82, Buffer.from(name))))));

/* DER (X.690): a tag, a length, the content. */

function tag(kind: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([kind, ...length]), body]);
}

const sequence = (...content: readonly Buffer[]) => tag(0x30, ...content);
const oid = (...bytes: readonly number[]) => tag(6, Buffer.from(bytes));
const utf8 = (text: string) => tag(12, Buffer.from(text));
const time = (ms: number) =>
  tag(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`));
