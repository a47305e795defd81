// A forge with this checkout's policies on main, for tests of what stands on a forge.
import { branchRef } from "#git/open.ts";
import { push } from "../contract/forge-contract.ts";
import { asked } from "../delivery/approvals-scene.ts";
import { teams } from "../delivery/documents.ts";
import { checkout } from "../delivery/fixture.ts";
import { type GiteaFixture, openGitea } from "./gitea-fixture.ts";

export const main = branchRef("main");

/** The texts of a folder's files as they stand in this checkout; its name ends with a slash. */
export async function filesIn(folder: string): Promise<Record<string, string>> {
  const files = [...(await checkout())].filter(([path]) => path.startsWith(folder));
  return Object.fromEntries(files.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)]));
}

/** Bob and carol approve what is in momentum's folder; alice is one of its people. */
export async function openWithPolicies(): Promise<GiteaFixture> {
  const fixture = await openGitea();
  const files = { ...(await filesIn("policies/")), ...teams(asked), "a/file": null };
  await push(fixture.repository, main, files, { timeSeconds: 1_700_000_000 });
  return fixture;
}
