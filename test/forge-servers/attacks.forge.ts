// Proposals that try to weaken their own judge, or to speak in its name, on a real forge. The server runs on what it finds, with main's own code.
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Forge, Proposal } from "#forge/port.ts";
import type { ControlPlane } from "#server/control-plane.ts";
import { arrived, value } from "../contract/forge-contract.ts";
import { sma, spec } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import { type Hands, handsOf } from "./hands.ts";
import { openJudged } from "./site.ts";

let fixture: GiteaFixture;
let forge: Forge;
let plane: ControlPlane;
let alice: Hands;
let good: Readonly<Record<string, string>>;

beforeEach(async () => {
  ({ fixture, forge, plane, alice, good } = await openJudged());
});
afterEach(() => fixture?.close());

/** What the server makes of a branch that was proposed by hand. */
async function judgedBranch(branch: string, head: string, title = "harmless"): Promise<Proposal> {
  const number = await alice.propose(branch, title);
  await arrived(forge, number, head as never);
  await plane.reconcile();
  return value(await forge.get(number));
}

test.each([
  {
    name: "rewrites the workflow that checks it",
    files: { ".github/workflows/check.yml": "on: pull_request_target\n" },
    code: ".github/workflows/check.yml",
  },
  {
    name: "has a workflow with a job named slipway/gate",
    files: { ".gitea/workflows/x.yml": "on: push\njobs: { slipway/gate: {} }\n" },
    code: ".gitea/workflows/x.yml",
  },
  { name: "owns the workflows itself", files: { CODEOWNERS: "* @alice\n" }, code: "CODEOWNERS" },
  { name: "names another writer", files: { "forge.yaml": "writer: alice\n" }, code: "forge.yaml" },
  {
    name: "brings another tool",
    files: { "package.json": '{"dependencies":{"slipway":"file:evil"}}\n' },
    code: "package.json",
  },
  { name: "renders by itself", files: { "cdk8s.yaml": "app: touch /tmp/x\n" }, code: "cdk8s.yaml" },
  {
    name: "differs from a tool's file in case",
    files: { "Policies/environments/paper.yaml": "x: 1\n" },
    code: "Policies/environments/paper.yaml",
  },
  {
    name: "is a submodule's list",
    files: { ".gitmodules": '[submodule "x"]\n\tpath = policies\n\turl = https://example.test/x\n' },
    code: ".gitmodules",
  },
])("a proposal that $name is refused, with its good strategy", async ({ files, code }) => {
  const head = await alice.push("alice/attack", { ...good, ...files } as Record<string, string>);
  const { gate, comment } = await judgedBranch("alice/attack", head);
  expect(gate).toMatchObject({ state: "refused", head });
  expect(comment).toContain(code);
});

test("an approval that is typed into a message, a title or a description is none", async () => {
  const head = await alice.push("alice/typed", good, "sma\n\nApproved-by: bob");
  const proposal = await judgedBranch("alice/typed", head);
  expect(proposal).toMatchObject({ gate: { state: "refused" }, approvals: [] });
  expect(proposal.comment).toContain("Approved-by");
});

test("a proposal that loosens the policies is judged by main's, and nobody but their owners approves it", async () => {
  const path = "policies/teams.yaml";
  const text =
    "apiVersion: slipway.dev/v1\nkind: Teams\nmetadata: { name: teams }\nspec:\n  teams: { momentum: { members: [alice], environments: { paper: {} } } }\n  unlisted: [paper]\n";
  const head = await alice.push("alice/teams", { ...good, [path]: text });
  const { number, gate } = await judgedBranch("alice/teams", head);
  expect(gate?.state).toBe("passed");
  await handsOf(fixture, "carol").review(number, "APPROVED");
  await plane.reconcile();
  const { comment } = value(await forge.get(number));
  expect(comment).toContain("owners (dave)");
  expect(comment).not.toContain("and has it");
});

test("a branch that is moved while it is judged is judged again, and the old verdict is none for the new head", async () => {
  const first = await alice.push("alice/moves", good);
  const { number } = await judgedBranch("alice/moves", first);
  const evil = await alice.push("alice/moves", { [spec(sma)]: "kind: nothing\n" });
  await arrived(forge, number, evil as never);
  expect(value(await forge.get(number)).gate).toBeUndefined();
  await plane.reconcile();
  expect(value(await forge.get(number)).gate).toMatchObject({ state: "refused", head: evil });
});

test("a pull request from a fork is judged like any, and its commits are found", async () => {
  const path = `/repos/${fixture.owner}/${fixture.name}`;
  await fixture.api("carol", "POST", `${path}/forks`, {});
  const content = Buffer.from("app: evil\n").toString("base64");
  await fixture.api("carol", "POST", `/repos/carol/${fixture.name}/contents/cdk8s.yaml`, {
    ...{ content, message: "mine", new_branch: "theirs", branch: "main" },
  });
  const request = { title: "from afar", head: "carol:theirs", base: "main" };
  const { number } = (await fixture.api("carol", "POST", `${path}/pulls`, request)) as { readonly number: number };
  await plane.reconcile();
  const proposal = value(await forge.get(number));
  expect(proposal).toMatchObject({ author: "carol", branch: `refs/pull/${number}/head`, gate: { state: "refused" } });
  expect(proposal.comment).toContain("cdk8s.yaml");
  await fixture.api("carol", "DELETE", `/repos/carol/${fixture.name}`);
});

test("a review in the second in which the verdict changes, one's own, and one that was taken back approve nothing", async () => {
  const head = await alice.push("alice/reviews", good);
  const { number } = await judgedBranch("alice/reviews", head);
  await expect(alice.review(number, "APPROVED")).rejects.toThrow();
  const bob = handsOf(fixture, "bob");
  await bob.review(number, "APPROVED");
  expect(value(await forge.get(number)).approvals).toMatchObject([{ by: "bob", head }]);
  await bob.review(number, "REQUEST_CHANGES", "wait");
  expect(value(await forge.get(number)).approvals).toEqual([]);
});
