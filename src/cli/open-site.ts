import { mkdir } from "node:fs/promises";
import type { Finding } from "#core/refusal.ts";
import { hasErrors } from "#core/refusal.ts";
import { err, Fault, ok, type Result } from "#core/result.ts";
import { checkTree } from "#delivery/check.ts";
import { mainRef } from "#delivery/names.ts";
import { readWorkspace } from "#delivery/tree.ts";
import { seedForge } from "#server/seed.ts";
import type { CommandContext } from "./context.ts";
import { openNamed } from "./forge-site.ts";
import { gitUser, type Person } from "./git-user.ts";
import { createSite, type Place, type Site } from "./site.ts";

export interface Opened {
  readonly site: Site;
  readonly person: Person;
  /** This call made main. */
  readonly seeded: boolean;
}

/** Opens the forge that `forge.yaml` names as it is, or this machine's. */
export async function openToPropose(
  context: CommandContext,
  place: Place,
): Promise<Result<Omit<Opened, "seeded">, readonly Finding[]>> {
  const named = await openNamed(context, place);
  if (!named.ok) return err([named.error]);
  if (named.value === undefined) return openOrSeed(context, place);
  return ok({ site: named.value, person: await gitUser(place.checkout) });
}

/**
 * Opens this machine's forge, and makes it and its main branch from the checkout's policies if they are missing. Refused when those policies are wrong: every
 * later proposal is judged by them.
 */
export async function openOrSeed(context: CommandContext, place: Place): Promise<Result<Opened, readonly Finding[]>> {
  try {
    await mkdir(place.state, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Fault("state-unwritable", `the state directory ${place.state} cannot be made`, { cause });
  }
  const site = await createSite(place, context.now);
  const person = await gitUser(place.checkout);
  if ((await site.repository.resolve(mainRef)) !== undefined) return ok({ site, person, seeded: false });
  const workspace = await readWorkspace(place.checkout);
  const policies = new Map([...workspace].filter(([path]) => path.startsWith("policies/")));
  const { findings, environments } = await checkTree(policies, { atSeconds: Math.floor(context.now() / 1000) });
  if (hasErrors(findings)) return err(findings);
  if (environments.length === 0) {
    return err([
      {
        code: "environment-missing",
        severity: "error",
        message: "policies/environments is empty, so no strategy could be deployed anywhere",
        fix: "write policies/environments/paper.yaml; `slipway init` in an empty folder makes one to copy",
      },
    ]);
  }
  const seeded = await seedForge(site.repository, workspace, { author: person, clock: context.now });
  return ok({ site, person, seeded: seeded.created });
}
