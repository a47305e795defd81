import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Makes a certificate for 127.0.0.1 that has signed itself, and its key: the files `crt` and `key` of a folder. */
export function selfSigned(folder: string): void {
  const names = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const files = ["-keyout", join(folder, "key"), "-out", join(folder, "crt")];
  execFileSync("openssl", ["req", "-x509", ...curve, "-nodes", "-days", "2", ...names, ...files], { stdio: "ignore" });
}
