// The whole story on a real forge, by two people, as they see it: pull requests, statuses, the comment, the command line, Git's history. Strategies run
// as processes of this machine. What is seen is kept in test/golden/forge-story.md, to be read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { createLocalCluster, type LocalCluster } from "#local/cluster.ts";
import { bundlePrograms, findPackage } from "../../src/cli/programs.ts";
import { localImages } from "../../src/cli/up/images.ts";
import { createPlayground, type Ended, type Playground } from "../cli/cli.ts";
import { checkout, edit, sma, spec } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import type { Account } from "./gitea-server.ts";
import { handsOf } from "./hands.ts";
import { type Served, serve } from "./served.ts";
import { filesIn, openWithPolicies } from "./site.ts";

const waitMs = { timeout: 300_000, interval: 200 };
let fixture: GiteaFixture;
let served: Served;
let cluster: LocalCluster | undefined;
let playgrounds: Playground[];
let told: string[];

beforeEach(async () => {
  [playgrounds, told] = [[], []];
  fixture = await openWithPolicies();
  const start = async (): Promise<LocalCluster> => {
    const found = findPackage();
    const bundles = await bundlePrograms(found, fixture.folder);
    const { repository } = served;
    const made = createLocalCluster({
      ...{ repository, environment: "paper" as never, directory: join(fixture.folder, "cluster"), clock: Date.now },
      ...{ images: localImages(found, bundles, process.env["PATH"]), log: () => undefined },
    });
    await made.start();
    return made;
  };
  served = await serve(fixture, {
    observe: async () => cluster?.status() ?? { environment: "paper", applications: [], isolation: [] },
  });
  cluster = await start();
}, 180_000);
afterEach(async () => {
  await served?.stop();
  await cluster?.stop();
  for (const playground of playgrounds) playground.remove();
  await fixture?.close();
}, 60_000);

function checkoutOf(account: Account): Playground {
  const { url, tokens } = inject("gitea");
  const playground = createPlayground({ SLIPWAY_FORGE_TOKEN: tokens[account] });
  playgrounds.push(playground);
  const where = { provider: "gitea", url, repository: `${fixture.owner}/${fixture.name}`, writer: "slipway" };
  playground.write("forge.yaml", JSON.stringify({ apiVersion: "slipway.dev/v1", kind: "Forge", spec: where }));
  return playground;
}

function tell(...lines: readonly string[]): void {
  told.push(...lines);
}

async function tellProposal(number: number, statuses: readonly string[]): Promise<void> {
  const { comment = "", head, mergedAs } = await served.seen(number);
  tell("", "| status | says |", "| --- | --- |");
  for (const context of statuses) {
    const sha = /render|sync/.test(context) ? (mergedAs ?? head) : head;
    tell(`| \`${context}\` | ${await served.status(sha, context)} |`);
  }
  const { labels, asked } = (await fixture.marks?.(number)) ?? { labels: [], asked: [] };
  tell(
    "",
    `Labels: ${labels.join(", ")}. Asked to review: ${[...asked].sort().join(", ") || "nobody"}. The comment:`,
    "",
  );
  tell(...quoted(comment), "");
}

/** What is folded is looked at elsewhere: the manifests, the list of the rules. */
function quoted(comment: string): readonly string[] {
  const lines = comment.replace(
    /<details><summary>([^:<]+)[\s\S]*?<\/details>/g,
    "<details><summary>$1 …</summary></details>",
  );
  return lines
    .trimEnd()
    .split("\n")
    .map((line) => `> ${line}`.trimEnd());
}

function tellRun(who: string, argv: readonly string[], { code, stdout, stderr }: Ended): void {
  tell("```", `${who}$ slipway ${argv.join(" ")}`, ...`${stdout}${stderr}`.trimEnd().split("\n"));
  tell(...(code === 0 ? [] : [`exit code ${code}`]), "```", "");
}

async function run(who: string, playground: Playground, ...argv: readonly string[]): Promise<Ended> {
  const ended = await playground.run(...argv);
  // A fault of the outside is no part of the story.
  if (ended.code === 1) throw new Error(`${who}: slipway ${argv.join(" ")}\n${ended.stdout}${ended.stderr}`);
  tellRun(who, argv, ended);
  return ended;
}

/** Ids follow from the clock: each stands for itself by a name of its own, in the order in which they are told of. */
function masked(text: string): string {
  const names = new Map<string, string>();
  const { url } = inject("gitea");
  return text
    .replaceAll(`${url}/`, "https://forge.example/")
    .replaceAll(`${fixture.owner}/${fixture.name}`, "acme/strategies")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/\d+ rules and \d+ checks/g, "all rules and checks")
    .replace(/\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b(?!\.\d)/g, (id) => {
      const key = id.slice(0, 7);
      names.set(key, names.get(key) ?? `id${names.size + 1}`);
      return names.get(key) ?? id;
    });
}

test("a strategist and a platform engineer", { timeout: 1_800_000 }, async () => {
  const [alice, bob] = [handsOf(fixture, "alice"), handsOf(fixture, "bob")];
  await alice.clone();
  const good = await filesIn(`strategies/${sma}/`);
  const bad = edit(await checkout(), spec(sma), /maxOrderNotional: .*/, 'maxOrderNotional: "999999999.00"');
  const wrong = new TextDecoder().decode(bad.get(spec(sma))?.bytes);
  tell("# A strategy's way on a forge", "");
  tell(
    "Written by `npm run test:forges` (story.forge.ts) against a real Gitea: alice is a strategist of team momentum, bob leads it and approves; Slipway's server hears of everything by webhooks, and an embedded cluster runs what is on `env/paper`. Commit ids are replaced by `id1`, `id2` …",
  );
  tell("", "## 1. Alice opens a pull request by hand, and her limit is too high", "");
  const first = await alice.push("alice/sma", { ...good, [spec(sma)]: wrong }, "sma-cross, at last");
  const number = await alice.propose("alice/sma", "sma-cross, at last", "It is time.");
  await expect.poll(async () => (await served.seen(number)).comment, waitMs).toMatch(/strategy\.yaml:\d+:\d+/);
  expect((await served.seen(number)).gate).toMatchObject({ state: "refused", head: first });
  await tellProposal(number, ["slipway/gate", "slipway/approvals"]);
  await expect(bob.press(number, "merge")).rejects.toThrow("405");
  tell("Bob presses merge, and the forge refuses: the required status is not there.");

  tell("", "## 2. She mends the line and pushes again", "");
  const head = await alice.push("alice/sma", { [spec(sma)]: good[spec(sma)] ?? "" }, "smaller");
  await expect.poll(async () => (await served.seen(number)).gate, waitMs).toMatchObject({ state: "passed", head });
  await expect.poll(async () => (await served.seen(number)).comment, waitMs).toContain("ready for 1 approval");
  await expect.poll(async () => (await fixture.marks?.(number))?.labels, waitMs).toContain("slipway/needs-approval");
  await tellProposal(number, ["slipway/gate", "slipway/approvals"]);

  tell("## 3. Bob approves by the forge's own button, and merges by it", "");
  await bob.review(number, "APPROVED", "fine");
  await expect.poll(() => served.status(head, "slipway/approvals"), waitMs).toBe("success: all are there");
  const merged = await bob.press(number, "merge");
  await expect.poll(() => served.status(merged, "slipway/render-paper"), waitMs).toMatch(/^success/);
  await cluster?.sync();
  const runs = async (commit: string): Promise<string> => {
    served.loop.nudge();
    return served.status(commit, "slipway/sync-paper");
  };
  await expect
    .poll(() => runs(merged), { timeout: 300_000, interval: 1_000 })
    .toBe(`success: synced and healthy: ${sma}`);
  await expect.poll(async () => (await served.seen(number)).comment, waitMs).toContain("✓ paper");
  await tellProposal(number, ["slipway/gate", "slipway/approvals", "slipway/render-paper", "slipway/sync-paper"]);
  const running = cluster?.status().applications.find(({ strategy }) => strategy === sma);
  expect(running).toMatchObject({ sync: "Synced", health: "Healthy" });
  tell(
    `It runs: ${running?.pods.map(({ name, containers }) => `${name} (${containers.map((each) => each.state).join(", ")})`).join(", ")}.`,
  );

  tell("", "## 4. Alice changes a parameter from the command line; Bob approves and merges from his", "");
  const [hers, his] = [checkoutOf("alice"), checkoutOf("bob")];
  const text = readFileSync(join(hers.repository, spec(sma)), "utf8");
  hers.write(spec(sma), text.replace("fast: 10", "fast: 12"));
  expect((await run("alice", hers, "deploy", sma)).code).toBe(0);
  expect((await run("alice", hers, "merge", "2")).code).toBe(2);
  expect((await run("bob", his, "approve", "2")).code).toBe(0);
  expect((await run("bob", his, "merge", "2")).code).toBe(0);
  await fixture.look();

  tell("## 5. It was no good: Alice goes back, by a proposal like any", "");
  expect((await run("alice", hers, "rollback", sma)).code).toBe(0);
  expect((await run("bob", his, "approve", "3")).code).toBe(0);
  expect((await run("alice", hers, "merge", "3")).code).toBe(0);
  const back = (await served.seen(3)).mergedAs ?? "";
  await cluster?.sync();
  await expect
    .poll(() => runs(back), { timeout: 300_000, interval: 1_000 })
    .toBe(`success: synced and healthy: ${sma}`);
  await expect.poll(async () => (await served.seen(3)).comment, waitMs).toContain("✓ paper");
  await tellProposal(3, ["slipway/gate", "slipway/approvals", "slipway/render-paper", "slipway/sync-paper"]);

  tell("## What Git remembers", "");
  await alice.git("fetch", "--quiet", "origin");
  const log = (branch: string): Promise<string> =>
    alice.git(
      "log",
      "--first-parent",
      "--format=%h %s%n  author %an, committer %cn%n%w(0,2,2)%(trailers:only,unfold)",
      `origin/${branch}`,
    );
  for (const branch of ["main", "env/paper"])
    tell(
      "```",
      `$ git log --first-parent ${branch}`,
      ...(await log(branch)).split("\n").filter((line) => line.trim() !== ""),
      "```",
      "",
    );
  await expect(`${masked(told.join("\n")).trimEnd()}\n`).toMatchFileSnapshot("../golden/forge-story.md");
});
