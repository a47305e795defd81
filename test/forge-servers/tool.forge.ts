// A pull request of the tool's files on a real forge, by people with plain Git and its buttons: an upgrade from its proposal to the commit that it
// renders. Once in Gitea's words, and once in GitHub's.
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { githubForge } from "#forge/github/github.ts";
import type { Forge } from "#forge/port.ts";
import { branchRef } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import { createControlPlane, type ReconcileReport } from "#server/control-plane.ts";
import { arrived, push, value } from "../contract/forge-contract.ts";
import { teams } from "../delivery/documents.ts";
import { sma } from "../delivery/fixture.ts";
import { installed, toolFiles, workflow } from "../delivery/tool-scene.ts";
import { type Adapter, type GiteaFixture, openGitea, shared } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";
import { readDescription, watchKit } from "./github-description.ts";
import { startFacade } from "./github-facade.ts";
import { type Hands, handsOf } from "./hands.ts";
import { filesIn } from "./site.ts";

const owned = teams(`  groups: { maintainers: [alice, bob, carol] }
  teams: { momentum: { members: [alice], environments: { paper: {} } } }
  owners:
    - { path: /, group: maintainers }
`);
const upgraded = installed({ slipway: { version: "0.2.0" }, left: { version: "1.0.0" } });
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

const description = readDescription();
const problems = new Set<string>();
let facade: Awaited<ReturnType<typeof startFacade>>;
beforeAll(async () => {
  facade = await startFacade(inject("gitea").url);
});
afterAll(() => facade?.stop());

const inGithubsWords: Adapter = ({ token, ...place }) =>
  githubForge({
    ...{ ...place, ...shared, url: inject("gitea").url, apiUrl: facade.url, credential: { token } },
    paced: false,
    onKit: (kit) => watchKit(kit, description, problems, new Set()),
  });

describe.each([
  { words: "Gitea", open: () => openGitea() },
  { words: "GitHub", open: () => openGitea(inGithubsWords) },
])("in the words of $words", ({ open }) => {
  let fixture: GiteaFixture;
  let forge: Forge;
  let repository: Mirror;
  let alice: Hands;
  afterEach(() => fixture?.close());

  async function prepare(): Promise<void> {
    fixture = await open();
    const main = { ...(await filesIn("policies/")), ...(await filesIn(`strategies/${sma}/`)), ...toolFiles, ...owned };
    await push(fixture.repository, branchRef("main"), { ...main, "a/file": null }, { timeSeconds: 1_700_000_000 });
    ({ forge, repository } = await fixture.open("slipway"));
    alice = handsOf(fixture, "alice");
    await alice.clone();
  }

  const round = (renderer: string): Promise<ReconcileReport> =>
    createControlPlane({
      ...{ repository, forge, renderer, clock: Date.now, steady: () => performance.now(), log: quiet },
      refresh: () => repository.fetch(),
    }).reconcile();

  async function stage(sha: string): Promise<string> {
    const path = `/repos/${fixture.owner}/${fixture.name}/commits/${sha}/statuses`;
    const all = (await fixture.api("keeper", "GET", path)) as readonly Record<
      "context" | "status" | "description",
      string
    >[];
    const [last] = all.filter(({ context }) => context === "slipway/approvals");
    return `${last?.status}: ${last?.description}`;
  }

  /** In another second than the verdict's: a forge tells whole ones, and of the same one nobody knows which came first. */
  const review = async (by: Account, number: number): Promise<void> => {
    await delay(1_100);
    await handsOf(fixture, by).review(number, "APPROVED");
  };
  const commentOf = async (number: number): Promise<string> => value(await forge.get(number)).comment ?? "";

  test("an upgrade is judged by text alone, approved by two, merged, waited for and rendered", async () => {
    await prepare();
    expect((await round("slipway 0.1.0")).raised).toEqual([]);
    const head = await alice.push("alice/upgrade", upgraded, "slipway 0.2.0");
    const number = await alice.propose("alice/upgrade", "slipway 0.2.0");
    await arrived(forge, number, head as never);
    await round("slipway 0.1.0");
    expect(value(await forge.get(number)).gate).toMatchObject({ state: "passed", head });
    expect(await stage(head)).toMatch(/^pending: waits for 2 approvals of @maintainers/);
    expect(await commentOf(number)).toContain("| `slipway` | `0.1.0` | `0.2.0` |");
    const marks = await fixture.marks?.(number);
    expect(marks?.labels).toEqual(["slipway/needs-approval", "slipway/tool"]);
    expect([...(marks?.asked ?? [])].sort()).toEqual(["bob", "carol"]);

    // Her own is none, on the forge and here; after another push bob's is none either.
    await expect(review("alice", number)).rejects.toThrow();
    await review("bob", number);
    await round("slipway 0.1.0");
    expect(await commentOf(number)).toContain("bob approved");
    const evil = await alice.push("alice/upgrade", {
      ".github/workflows/gate.yml": workflow.replace("push:", "issue_comment:"),
    });
    await arrived(forge, number, evil as never);
    await round("slipway 0.1.0");
    expect(await commentOf(number)).toContain("bob's approval was given to other");
    const back = await alice.push("alice/upgrade", { ".github/workflows/gate.yml": workflow });
    await arrived(forge, number, back as never);
    await round("slipway 0.1.0");
    // The content is what he approved, and so it stands.
    expect(await commentOf(number)).toContain("bob approved");
    await review("carol", number);
    await round("slipway 0.1.0");
    expect(await stage(back)).toBe("success: all are there");
    expect((await fixture.marks?.(number))?.labels).toEqual(["slipway/ready", "slipway/tool"]);

    const merged = await handsOf(fixture, "bob").press(number, "squash");
    const old = await round("slipway 0.1.0");
    expect(old.raised.map(({ code }) => code)).toEqual(["version-behind"]);
    expect((await round("slipway 0.3.0")).raised.map(({ code }) => code)).toEqual(["renderer-unpinned"]);
    const next = await round("slipway 0.2.0");
    expect([next.raised, next.rendered.map(({ dry, outcome }) => [dry, outcome])]).toEqual([
      [],
      [[merged, "unchanged"]],
    ]);
  }, 240_000);

  test("what would have its own judge weakened is refused, and says why", async () => {
    await prepare();
    const attacks: Readonly<
      Record<string, { readonly files: Readonly<Record<string, string | null>>; readonly says: string }>
    > = {
      owners: {
        files: { ...upgraded, ...owned, "policies/teams.yaml": "kind: Teams\n" },
        says: "which it would judge",
      },
      workflow: {
        files: { ".github/workflows/gate.yml": null, "strategies/a/b/x.ts": "x\n" },
        says: "which it would judge",
      },
      case: { files: { "Policies/teams.yaml": "x: 1\n" }, says: "some file systems take this for policies/" },
      lock: { files: { "package-lock.json": "{}\n" }, says: "no lock file of npm 7 or later" },
    };
    const numbers = new Map<number, string>();
    for (const [name, { files, says }] of Object.entries(attacks)) {
      const head = await alice.push(`alice/${name}`, files);
      const number = await alice.propose(`alice/${name}`, "harmless");
      await arrived(forge, number, head as never);
      numbers.set(number, says);
    }
    await round("slipway 0.1.0");
    for (const [number, says] of numbers) {
      expect(value(await forge.get(number)).gate?.state).toBe("refused");
      expect(await commentOf(number)).toContain(says);
    }
  }, 240_000);
});

test("all words to GitHub were as it describes them", () => {
  expect([...problems]).toEqual([]);
});
