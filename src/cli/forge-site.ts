import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ForgeDocument, forgeFile, parseForge } from "#core/forge-document.ts";
import { type Finding, hasErrors } from "#core/refusal.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import type { BranchRulesApi } from "#forge/branch-rules.ts";
import type { Credential } from "#forge/github/kit.ts";
import type { Forge } from "#forge/port.ts";
import type { Mirror } from "#git/port.ts";
import { type CommandContext, finding } from "./context.ts";
import { readAuthority } from "./forge-authority.ts";
import { readCredential } from "./forge-credential.ts";
import type { Place, Site } from "./site.ts";

/** @returns undefined where the checkout has no `forge.yaml`: then proposals live on this machine */
export async function readForgeFile(checkout: string): Promise<Result<ForgeDocument | undefined, readonly Finding[]>> {
  let text: string;
  try {
    text = await readFile(join(checkout, forgeFile), "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return ok(undefined);
    throw new Fault("forge-file-unreadable", `${forgeFile} cannot be read`, { cause });
  }
  const { document, findings } = parseForge(forgeFile, text);
  return hasErrors(findings) || document === undefined ? err(findings) : ok(document);
}

interface Opened {
  readonly forge: Forge;
  readonly repository: Mirror;
  readonly rules: BranchRulesApi;
}

/** A site whose forge `forge.yaml` names. */
export interface NamedSite extends Site {
  readonly mirror: Mirror;
  readonly provider: ForgeDocument["spec"]["provider"];
}

/**
 * The site of the forge that `forge.yaml` names; undefined where there is no such file.
 *
 * @param stopped aborted: what the forge has is waited for no longer
 */
export async function openNamed(
  context: CommandContext,
  place: Place,
  stopped?: AbortSignal,
): Promise<Result<NamedSite | undefined, Finding>> {
  const document = await readForgeFile(place.checkout);
  if (!document.ok) return err(document.error[0] ?? finding("forge-file-malformed", `${forgeFile} cannot be read`));
  if (document.value === undefined) return ok(undefined);
  const opened = await openRemote(context, place, document.value, stopped);
  if (!opened.ok) return opened;
  const { forge, repository } = opened.value;
  return ok({ ...place, forge, repository, mirror: repository, provider: document.value.spec.provider });
}

/** Opens the forge with the credential that the environment holds, and brings the mirror on this machine up to it. */
export async function openRemote(
  context: Pick<CommandContext, "variables" | "now" | "steady">,
  { state, checkout }: Place,
  { spec }: ForgeDocument,
  stopped?: AbortSignal,
): Promise<Result<Opened, Finding>> {
  const credential = await readCredential(context.variables, spec.provider);
  if (!credential.ok) return credential;
  const { certificateAuthority } = spec;
  const trust =
    certificateAuthority === undefined
      ? undefined
      : await readAuthority({ checkout, now: context.now }, certificateAuthority);
  if (trust?.ok === false) return trust;
  const [owner = "", name = ""] = spec.repository.split("/");
  await mkdir(state, { recursive: true, mode: 0o700 });
  const { initBareRepository } = await import("#git/open.ts");
  const mirror = await initBareRepository(join(state, "mirror.git"));
  const shared = {
    ...{ owner, name, mirror, writer: spec.writer, steady: context.steady, pause: (ms: number) => delay(ms) },
    ...(trust === undefined ? {} : { trust: trust.value }),
  };
  const opened = await open(spec, credential.value, shared);
  await opened.repository.fetch(stopped);
  return ok(opened);
}

async function open(
  { provider, url, apiUrl }: ForgeDocument["spec"],
  credential: Credential,
  shared: Omit<Parameters<typeof import("#forge/gitea/gitea.ts").giteaForge>[0], "url" | "token">,
): Promise<Opened> {
  if (provider === "github") {
    const { githubForge } = await import("#forge/github/github.ts");
    const api = apiUrl === undefined ? {} : { apiUrl };
    return githubForge({ ...shared, ...api, url: url ?? "https://github.com", credential });
  }
  const { giteaForge } = await import("#forge/gitea/gitea.ts");
  if (!("token" in credential) || url === undefined) throw new Error("a Gitea takes a token, and has an address");
  return giteaForge({ ...shared, url, token: credential.token });
}
