import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { forgeFile } from "#core/forge-document.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import type { Trust } from "#forge/remote/trust.ts";
import { finding } from "./context.ts";

const block = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;

/**
 * Reads the authorities that `forge.yaml` names.
 *
 * @param name as it is written there; a relative path is from the checkout
 * @returns or `authority-unreadable`, `authority-malformed`, `authority-not-one`, `authority-ended`, with the file
 */
export async function readAuthority(
  { checkout, now }: { readonly checkout: string; readonly now: () => number },
  name: string,
): Promise<Result<Trust, Finding>> {
  const path = resolve(checkout, name);
  const refuse = (code: string, is: string, fix: string): Result<never, Finding> =>
    err(finding(code, `${forgeFile} names ${path} as certificateAuthority, ${is}`, fix));
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error && "code" in cause && cause.code === "ENOENT" ? "it is not there" : `${cause}`;
    return refuse(
      "authority-unreadable",
      `which cannot be read: ${why}`,
      "put the authority's certificate there (PEM)",
    );
  }
  const blocks = [...pem.matchAll(block)];
  const fix =
    "it takes the certificates of one authority or more, as PEM (-----BEGIN CERTIFICATE-----), and nothing else";
  const other = blocks.find(([, kind]) => kind !== "CERTIFICATE")?.[1];
  if (other !== undefined) return refuse("authority-malformed", `which holds a ${other.toLowerCase()}`, fix);
  const certificates = blocks.map(([text]) => parse(text));
  if (certificates.length === 0) return refuse("authority-malformed", "which holds no certificate", fix);
  for (const [index, certificate] of certificates.entries()) {
    const which = `whose certificate ${index + 1} of ${certificates.length}`;
    if (certificate === undefined) return refuse("authority-malformed", `${which} cannot be read`, fix);
    if (!certificate.ca)
      return refuse(
        "authority-not-one",
        `${which} is of no authority (${oneLine(certificate.subject)})`,
        `name the certificate of whoever signed it: ${oneLine(certificate.issuer)}`,
      );
  }
  const ends = certificates.map((certificate) => Date.parse(certificate?.validTo ?? ""));
  const last = Math.max(...ends);
  if (last < now())
    return refuse("authority-ended", `which ended on ${new Date(last).toISOString().slice(0, 10)}`, "take the new one");
  const { trustOf } = await import("#forge/remote/trust.ts");
  return ok(trustOf(path, pem));
}

function parse(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

/** `C=DE, O=Acme, CN=git`: OpenSSL writes a line each. */
function oneLine(name: string): string {
  return name.replaceAll("\n", ", ");
}
