import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type ForgeDocument, forgeFile } from "#core/forge-document.ts";
import type { Finding } from "#core/refusal.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import type { Credential } from "#forge/github/kit.ts";
import { finding, type Variables } from "./context.ts";

/**
 * A secret that the environment holds itself (`NAME`), or the path of a file with it (`NAME_FILE`): of a pod what a volume brings, so that it stands in no
 * list of processes' environments.
 *
 * @returns undefined where neither is there: a file that a Secret does not have is none
 * @throws Fault `secret-unreadable`
 */
export async function readSecret(variables: Variables, name: string): Promise<string | undefined> {
  const [text, path] = [variables[name], variables[`${name}_FILE`]];
  if (text !== undefined && text !== "") return text;
  if (path === undefined || path === "") return undefined;
  try {
    // Whoever makes such a file with an editor ends its line.
    return (await readFile(path, "utf8")).trim() || undefined;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new Fault("secret-unreadable", `${path}, which ${name}_FILE names, cannot be read`, { cause });
  }
}

/** A token, or for GitHub an App: its number, its installation's number and the file that holds its private key. */
export async function readCredential(
  variables: Variables,
  provider: ForgeDocument["spec"]["provider"],
): Promise<Result<Credential, Finding>> {
  const token = await readSecret(variables, "SLIPWAY_FORGE_TOKEN");
  const { SLIPWAY_GITHUB_APP_ID: appId } = variables;
  const { SLIPWAY_GITHUB_INSTALLATION_ID: installation, SLIPWAY_GITHUB_APP_KEY_FILE: keyFile } = variables;
  if (token !== undefined) {
    if (/^[\x21-\x7e]{1,1000}$/.test(token)) return ok({ token });
    return err(
      finding(
        "forge-token-malformed",
        "SLIPWAY_FORGE_TOKEN holds something else than one token",
        "set it to the token alone",
      ),
    );
  }
  if (provider === "github" && appId !== undefined && installation !== undefined && keyFile !== undefined) {
    if (!/^[1-9]\d{0,15}$/.test(installation) || !/^[\w.-]{1,100}$/.test(appId))
      return err(
        finding(
          "forge-app-malformed",
          "SLIPWAY_GITHUB_APP_ID or SLIPWAY_GITHUB_INSTALLATION_ID is no number",
          "copy both from the App's pages",
        ),
      );
    const privateKey = await readFile(keyFile, "utf8").catch((cause: unknown) => {
      throw new Fault("forge-key-unreadable", `the App's private key in ${keyFile} cannot be read`, { cause });
    });
    if (!isRsaKey(privateKey))
      return err(
        finding(
          "forge-key-malformed",
          `${keyFile} holds no RSA private key`,
          "download one on the App's page, under Private keys, and name that file",
        ),
      );
    return ok({ appId, privateKey, installationId: Number(installation) });
  }
  const app =
    provider === "github"
      ? ", or SLIPWAY_GITHUB_APP_ID, SLIPWAY_GITHUB_INSTALLATION_ID and SLIPWAY_GITHUB_APP_KEY_FILE to an App's"
      : "";
  return err(
    finding(
      "forge-token-missing",
      `${forgeFile} names a forge, and the environment holds no token for it`,
      `set SLIPWAY_FORGE_TOKEN to a token of yours that may read and write code and pull requests${app}`,
    ),
  );
}

function isRsaKey(text: string): boolean {
  try {
    return createPrivateKey(text).asymmetricKeyType === "rsa";
  } catch {
    // What OpenSSL says of it would not help anyone, and may quote it.
    return false;
  }
}
