// Certificate authorities for tests, and what they sign.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Authority {
  /** PEM files. */
  readonly certificate: string;
  readonly key: string;
}

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

function openssl(...argv: readonly string[]): void {
  execFileSync("openssl", argv, { stdio: "ignore" });
}

export function makeAuthority(folder: string, name: string, days = 2): Authority {
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const valid = ["-days", String(days)];
  openssl("req", "-x509", ...curve, ...valid, "-subj", `/O=Acme/CN=${name}`, "-keyout", key, "-out", certificate);
  return { certificate, key };
}

/** @param host an IP address */
export function sign(
  folder: string,
  authority: Authority,
  host: string,
): { readonly key: string; readonly cert: string } {
  const [request, key, certificate] = ["request", "server.key", "server.crt"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  openssl(
    "req",
    "-new",
    ...curve,
    "-subj",
    "/CN=git",
    "-addext",
    `subjectAltName=IP:${host}`,
    "-keyout",
    key,
    "-out",
    request,
  );
  openssl(
    ...["x509", "-req", "-in", request, "-CA", authority.certificate, "-CAkey", authority.key, "-CAcreateserial"],
    ...["-copy_extensions", "copy", "-days", "2", "-out", certificate],
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(certificate, "utf8") };
}
