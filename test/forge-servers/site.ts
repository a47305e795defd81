// A forge with this checkout's policies on main, for tests of what stands on a forge.
import type { Forge } from "#forge/port.ts";
import { branchRef } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { type ControlPlane, createControlPlane } from "#server/control-plane.ts";
import { push } from "../contract/forge-contract.ts";
import { asked } from "../delivery/approvals-scene.ts";
import { teams } from "../delivery/documents.ts";
import { checkout, sma } from "../delivery/fixture.ts";
import { type GiteaFixture, openGitea } from "./gitea-fixture.ts";
import { type Hands, handsOf } from "./hands.ts";

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

/** Such a forge with Slipway's server, whose rounds the test starts, and alice with a clone and a strategy that is good. */
export interface JudgedSite {
  readonly fixture: GiteaFixture;
  readonly forge: Forge;
  readonly repository: Mirror;
  readonly plane: ControlPlane;
  readonly alice: Hands;
  /** Where her clone is. */
  readonly checkout: string;
  readonly good: Readonly<Record<string, string>>;
}

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

export async function openJudged(): Promise<JudgedSite> {
  const fixture = await openWithPolicies();
  const { forge, repository } = await fixture.open("slipway");
  const plane = createControlPlane({
    ...{ repository, forge, renderer: "slipway test", clock: Date.now, steady: () => performance.now(), log: quiet },
    refresh: () => repository.fetch(),
  });
  const alice = handsOf(fixture, "alice");
  const folder = await alice.clone();
  const good = await filesIn(`strategies/${sma}/`);
  return { fixture, forge, repository, plane, alice, checkout: folder, good };
}
