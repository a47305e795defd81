// A forge with this checkout's policies on main, for tests of what stands on a forge.
import { branchRef } from "#git/open.ts";
import { push } from "../contract/forge-contract.ts";
import { asked } from "../delivery/approvals-scene.ts";
import { teams } from "../delivery/documents.ts";
import { checkout } from "../delivery/fixture.ts";
import { type GiteaFixture, openGitea } from "./gitea-fixture.ts";

export const main = branchRef("main");

/** Bob and carol approve what is in momentum's folder; alice is one of its people. */
export async function openWithPolicies(): Promise<GiteaFixture> {
  const fixture = await openGitea();
  const policies = [...(await checkout())].filter(([path]) => path.startsWith("policies/"));
  const texts = policies.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)] as const);
  const files = { ...Object.fromEntries(texts), ...teams(asked), "a/file": null };
  await push(fixture.repository, main, files, { timeSeconds: 1_700_000_000 });
  return fixture;
}
