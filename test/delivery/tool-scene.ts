// A repository that has files of the tool beside strategies and policies, and owners who are asked for them.
import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { weighApprovals } from "#delivery/approvals.ts";
import { judge, mergeProposal, type Verdict } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/open.ts";
import type { CommitSha } from "#git/port.ts";
import { teams } from "./documents.ts";
import {
  alice,
  approve,
  checkout,
  copySite,
  main,
  openSite,
  push,
  type Site,
  value,
  withFiles,
  withoutRules,
} from "./fixture.ts";

export const owned = `  groups: { maintainers: [dave, erin, frank], writers: [carol], risk: [erin, frank] }
  teams: { momentum: { members: [alice, bob], environments: { paper: {} } } }
  unlisted: [paper]
  approvals:
    - { folder: policies/, group: risk, count: 1, direction: looser }
  owners:
    - { path: /, group: maintainers }
    - { path: docs/, group: writers, count: 1 }
    - { path: README.md, group: writers, count: 1 }
`;

interface Locked {
  readonly version: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

/** package.json and its lock file, as npm writes them. */
export function installed(
  packages: Readonly<Record<string, Locked>>,
  manifest: Readonly<Record<string, unknown>> = {},
): Record<string, string> {
  const asked = Object.fromEntries(
    Object.entries(packages)
      .filter(([name]) => !name.includes("/node_modules/"))
      .map(([name, { version }]) => [name, version]),
  );
  const locked = Object.entries(packages).map(([name, one]) => [
    `node_modules/${name}`,
    {
      resolved: `https://registry.npmjs.org/${name}/-/${name}-${one.version}.tgz`,
      integrity: `sha512-${name}-${one.version}`,
      ...one,
    },
  ]);
  const text = (json: unknown): string => `${JSON.stringify(json, undefined, 2)}\n`;
  const own = { name: "mine", version: "0.0.0", dependencies: asked };
  return {
    "package.json": text({ ...own, private: true, scripts: { start: "slipway up" }, ...manifest }),
    "package-lock.json": text({
      ...{ name: "mine", version: "0.0.0", lockfileVersion: 3, requires: true },
      packages: { "": own, ...Object.fromEntries(locked) },
    }),
  };
}

export const workflow = `name: gate
on:
  push: { branches: [main] }
permissions: {}
jobs:
  gate:
    runs-on: ubuntu-24.04
    steps:
      - run: npx slipway server --once
`;

export const forgeYaml = `apiVersion: slipway.dev/v1
kind: Forge
spec:
  provider: github
  repository: acme/strategies
  writer: slipway-acme[bot]
`;

export const toolFiles: Readonly<Record<string, string>> = {
  ...installed({
    slipway: { version: "0.1.0" },
    left: { version: "1.0.0" },
    "left/node_modules/pad": { version: "1.0.0" },
  }),
  ".github/workflows/gate.yml": workflow,
  "forge.yaml": forgeYaml,
  "cdk8s.yaml": "language: typescript\napp: node node_modules/slipway/dist/charts.js\n",
  "docs/how.md": "# How\n",
};

type Mode = "100644" | "100755" | "120000" | "160000";

/** A file's text, or its mode and text; `null`: none. Of a submodule the text is a commit. */
export type Change = string | null | { readonly mode: Mode; readonly text: string };

export class ToolScene {
  readonly memo = createMemo();
  readonly #teams: string;
  #template: Site | undefined;
  #at: Site | undefined;
  tree: SourceTree = new Map();

  constructor(spec = owned) {
    this.#teams = spec;
    beforeAll(async () => {
      this.tree = withFiles(withoutRules(await checkout()), teams(this.#teams));
      this.#template = await openSite({ tree: this.tree, memo: this.memo });
      await push(this.#template, "main", toolFiles);
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

  /** A commit by plain Git on top of a branch, or of main, so that it may hold whatever Git can. */
  async commit(branch: string, files: Readonly<Record<string, Change>>, by = alice): Promise<CommitSha> {
    const { repository, clock } = this.at;
    const from = (await repository.resolve(branchRef(branch))) ?? (await repository.resolve(main));
    const lines = [
      `commit refs/heads/${branch}`,
      `committer ${by.name} <${by.email}> ${Math.floor(clock() / 1_000)} +0000`,
      "data 6\nchange",
      `from ${from}`,
    ];
    for (const [path, change] of Object.entries(files)) {
      const { mode, text } = typeof change === "string" || change === null ? { mode: "100644", text: change } : change;
      if (text === null) lines.push(`D ${path}`);
      else if (mode === "160000") lines.push(`M 160000 ${text} ${path}`);
      else lines.push(`M ${mode} inline ${path}`, `data ${Buffer.byteLength(text)}\n${text}`);
    }
    execFileSync("git", ["-C", repository.directory, "fast-import", "--quiet"], { input: `${lines.join("\n")}\n` });
    const sha = await repository.resolve(branchRef(branch));
    if (sha === undefined) throw new Error("there is no such branch");
    return sha;
  }

  async open(branch: string, title = "the tool"): Promise<number> {
    const request = { title, description: "", author: alice, branch: branchRef(branch), target: main };
    return value(await this.at.forge.open(request)).number;
  }

  async propose(files: Readonly<Record<string, Change>>, branch = "work"): Promise<number> {
    await this.commit(branch, files);
    return this.open(branch);
  }

  judged(number: number): Promise<Verdict> {
    return judge({ ...this.at, number });
  }

  /** The codes of what the gate says, with the files. */
  async said(number: number, severity: "error" | "warning" = "error"): Promise<readonly string[]> {
    const { findings } = await this.judged(number);
    return findings
      .filter((finding) => finding.severity === severity)
      .map(({ code, place }) => (place === undefined ? code : `${code} ${place.file}`));
  }

  merge(number: number): ReturnType<typeof mergeProposal> {
    return mergeProposal({ ...this.at, number, by: alice });
  }

  approve(number: number, by: string, email?: string): Promise<void> {
    return approve(this.at, number, by, email);
  }

  /** Whose approval counts, and whose does not and why. */
  async weighed(number: number): Promise<{ readonly counted: readonly string[]; readonly aside: object }> {
    const { approvals } = value(await this.at.forge.get(number));
    const { counted, setAside } = weighApprovals(await this.judged(number), approvals);
    return { counted, aside: Object.fromEntries(setAside.map(({ by, why }) => [by, why])) };
  }
}
