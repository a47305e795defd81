import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { StrategyId } from "#core/identity.ts";
import { type SetAside, weighApprovals } from "#delivery/approvals.ts";
import { judge, type MergeRefusal, mergeProposal, type Verdict } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import { proposeDeploy } from "#delivery/propose.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha, RefName, TreePath } from "#git/port.ts";
import { rule, teams } from "./documents.ts";
import {
  alice,
  approve,
  checkout,
  copySite,
  edit,
  main,
  openSite,
  push,
  refusal,
  type Site,
  sma,
  spec,
  value,
  withFiles,
} from "./fixture.ts";

/** Who is asked for what, in every test of approvals that says nothing else. */
export const asked = `  groups: { momentum-leads: [bob, carol], risk: [erin, frank], owners: [dave] }
  teams: { momentum: { members: [alice, bob], environments: { paper: {} } } }
  unlisted: [paper]
  approvals:
    - { folder: strategies/momentum/, group: momentum-leads, count: 1 }
    - { folder: policies/, group: risk, count: 2, direction: looser }
    - { folder: policies/teams.yaml, group: owners, count: 1 }
`;

interface Author {
  readonly name: string;
  readonly email: string;
}

export interface CommitBy {
  readonly author: Author;
  readonly committer?: Author;
  readonly message?: string;
  /** Beside the branch's tip. */
  readonly parents?: readonly CommitSha[];
}

/** A repository for each test, with two strategies on main that came before anybody was asked; every proposal is by alice. */
export class Scene {
  readonly memo = createMemo();
  #template: Site | undefined;
  #at: Site | undefined;
  #workspace: SourceTree = new Map();

  constructor() {
    beforeAll(async () => {
      const denies = rule("max-order", { denies: "1999", enforcement: "require-approval", owner: "risk" });
      this.#workspace = withFiles(await checkout(), { ...teams(asked), ...denies });
      this.#template = await openSite({ tree: this.#workspace, memo: this.memo });
      const running = [...this.#workspace].filter(([path]) => path.includes("sma-cross") || path.includes("random-ts"));
      const texts = running.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)] as const);
      await push(this.#template, "main", Object.fromEntries(texts));
    });
    beforeEach(async () => {
      if (this.#template !== undefined) this.#at = await copySite(this.#template);
    });
    afterEach(() => this.#at?.close());
    afterAll(() => this.#template?.close());
  }

  get at(): Site {
    if (this.#at === undefined) throw new Error("outside of a test");
    return this.#at;
  }

  get workspace(): SourceTree {
    return this.#workspace;
  }

  faster(to = 11): SourceTree {
    return edit(this.#workspace, spec(sma), "fast: 10", `fast: ${to}`);
  }

  async propose(workspace: SourceTree, strategies: readonly StrategyId[], policies = false): Promise<number> {
    const request = { ...this.at, workspace, strategies, policies, author: alice };
    return value(await proposeDeploy(request)).proposal.number;
  }

  async proposeBranch(branch: string, title = "by hand", description = ""): Promise<number> {
    const request = { title, description, author: alice, branch: branchRef(branch), target: main };
    return value(await this.at.forge.open(request)).number;
  }

  judged(number: number): Promise<Verdict> {
    return judge({ ...this.at, number });
  }

  merge(number: number): ReturnType<typeof mergeProposal> {
    return mergeProposal({ ...this.at, number, by: alice });
  }

  async refused(number: number): Promise<MergeRefusal> {
    return refusal(await this.merge(number));
  }

  approve(number: number, by: string, email?: string): Promise<void> {
    return approve(this.at, number, by, email);
  }

  /** Whose approval counts, and whose does not and why. */
  async weighed(
    number: number,
  ): Promise<{ readonly counted: readonly string[]; readonly aside: Readonly<Record<string, SetAside>> }> {
    const { approvals } = value(await this.at.forge.get(number));
    const { counted, setAside } = weighApprovals(await this.judged(number), approvals);
    return { counted, aside: Object.fromEntries(setAside.map(({ by, why }) => [by, why])) };
  }

  /** Who stands on the merge as having approved. */
  approvedBy(branch = "main"): readonly string[] {
    const text = this.at.git("show", "-s", "--format=%(trailers:key=Approved-by,valueonly)", branch).trim();
    return text === "" ? [] : text.split("\n");
  }

  /** Files of a tree as a commit on top of a branch, by someone, with a message of theirs. */
  async commit(branch: string, tree: SourceTree, paths: readonly string[], by: CommitBy): Promise<CommitSha> {
    const { repository, clock } = this.at;
    const ref: RefName = branchRef(branch);
    const tip = await repository.resolve(ref);
    const from = tip ?? (await repository.resolve(main));
    if (from === undefined) throw new Error("there is no main");
    const base = await repository.commit(from);
    const changes = new Map(paths.map((path) => [path as TreePath, tree.get(path)?.bytes ?? null]));
    const timeSeconds = Math.floor(clock() / 1_000);
    const sha = await repository.writeCommit({
      tree: await repository.writeTree(base.tree, changes),
      parents: [base.sha, ...(by.parents ?? [])],
      author: { ...by.author, timeSeconds },
      committer: { ...(by.committer ?? by.author), timeSeconds },
      message: by.message ?? "change\n",
    });
    value(await repository.updateRef(ref, sha, tip ?? null));
    return sha;
  }

  /** One file on main as a text of it is replaced. */
  async onMain(path: string, from: string | RegExp, to: string): Promise<void> {
    const text = new TextDecoder().decode(edit(this.#workspace, path, from, to).get(path)?.bytes);
    await push(this.at, "main", { [path]: text });
  }
}
