import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { API } from "./place.ts";

const run = promisify(execFile);

const SERVER_NAMES = [
  "DNS:localhost",
  "DNS:kubernetes",
  "DNS:kubernetes.default",
  "DNS:kubernetes.default.svc",
  "IP:127.0.0.1",
  `IP:${API.address}`,
  // The first address of the Services' range is the API server's own Service.
  "IP:10.96.0.1",
].join(",");

/** Files in `folder`: ca.crt, server.key and server.crt of the API server and the kubelets, accounts.key of their tokens. */
export async function certificates(folder: string): Promise<void> {
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await writeFile(join(folder, "names"), `subjectAltName=${SERVER_NAMES}\nextendedKeyUsage=serverAuth\n`);
  await Promise.all([
    openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", "accounts.key"),
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-subj",
      "/CN=teal-test-ca",
      "-days",
      "2",
    ),
    openssl("req", ...key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=kube-apiserver"),
  ]);
  const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
  await openssl(
    "x509",
    "-req",
    "-in",
    "server.csr",
    ...signer,
    "-extfile",
    "names",
    "-out",
    "server.crt",
    "-days",
    "2",
  );
}
