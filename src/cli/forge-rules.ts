import { forgeFile } from "#core/forge-document.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { environmentsOnMain, mainRef } from "#delivery/names.ts";
import { checkOwners } from "#delivery/owner-checks.ts";
import { type BranchRules, type BranchRulesApi, compareRules, mainBranch } from "#forge/branch-rules.ts";
import { compareWebhooks } from "#forge/webhooks.ts";
import type { Repository } from "#git/port.ts";
import { type CommandContext, finding } from "./context.ts";
import { openRemote, readForgeFile } from "./forge-site.ts";
import { findPlace } from "./site.ts";

export interface ForgeRules {
  readonly rules: BranchRulesApi;
  /** `acme/strategies on github`. */
  readonly where: string;
  readonly writer: string;
  readonly repository: Repository;
}

export async function openRules(context: CommandContext): Promise<Result<ForgeRules, readonly Finding[]>> {
  const place = findPlace(context);
  if (!place.ok) return err([place.error]);
  const document = await readForgeFile(place.value.checkout);
  if (!document.ok) return document;
  if (document.value === undefined)
    return err([
      finding(
        "forge-file-missing",
        "there is no forge.yaml, so proposals live on this machine, where nobody else pushes",
        "write one, or start with: slipway init --forge",
      ),
    ]);
  const { spec } = document.value;
  const opened = await openRemote(context, place.value, document.value);
  if (!opened.ok) return err([opened.error]);
  const { rules, repository } = opened.value;
  return ok({ rules, repository, writer: spec.writer, where: `${spec.repository} on ${spec.provider} (${forgeFile})` });
}

export interface Compared {
  readonly branches: readonly string[];
  readonly findings: readonly Finding[];
}

/** Looks at main and at who owns what decides there, and at each branch that is Slipway's own: those of the environments that main's policies define, and one that is to come. */
export async function compareForge({ rules, repository, writer }: ForgeRules): Promise<Compared> {
  const environments = [...(await environmentsOnMain(repository)), "another"];
  const branches = [
    mainBranch,
    ...environments.map((name) => `env/${name}`),
    ...environments.map((name) => `slipway/rendered/${name}`),
    "slipway/record",
  ];
  const found = new Map<string, BranchRules>();
  for (const branch of branches) found.set(branch, await rules.read(branch));
  const main = await repository.resolve(mainRef);
  const owners = main === undefined ? [] : await checkOwners(repository, main);
  const webhooks = await rules.webhooks();
  const told = webhooks === undefined ? [] : compareWebhooks(webhooks);
  return { branches, findings: [...compareRules(found, writer), ...owners, ...told] };
}
