// More proposals that try to weaken their own judge, by what stands in their commits and trees: what Git can say and a folder of files cannot. All of
// them on one forge, beside each other.
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Forge, Proposal } from "#forge/port.ts";
import type { ControlPlane } from "#server/control-plane.ts";
import { arrived, value } from "../contract/forge-contract.ts";
import { sma } from "../delivery/fixture.ts";
import type { GiteaFixture } from "./gitea-fixture.ts";
import type { Hands } from "./hands.ts";
import { filesIn, openJudged } from "./site.ts";

const folder = `strategies/${sma}`;
let fixture: GiteaFixture;
let forge: Forge;
let plane: ControlPlane;
let alice: Hands;
let checkout: string;
let good: Readonly<Record<string, string>>;
let paper: string;

beforeAll(async () => {
  ({ fixture, forge, plane, alice, checkout, good } = await openJudged());
  paper = (await filesIn("policies/environments/"))["policies/environments/paper.yaml"] ?? "";
}, 180_000);
afterAll(() => fixture?.close());

let branches = 0;

/** What the server makes of a branch on which somebody has done something by hand, beside a good strategy. */
async function attacked(work: () => Promise<unknown>, author?: string): Promise<Proposal> {
  branches += 1;
  const branch = `alice/attack-${branches}`;
  await alice.push(branch, good);
  // What is left of the last attack; twice forced, for a repository inside of hers.
  await alice.git("clean", "-ffdxq");
  await work();
  await alice.git("add", "--all");
  await alice.git(
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "harmless",
    ...(author === undefined ? [] : [`--author=${author}`]),
  );
  await alice.git("push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  const head = await alice.git("rev-parse", "HEAD");
  const number = await alice.propose(branch, "harmless");
  await arrived(forge, number, head as never);
  await plane.reconcile();
  return value(await forge.get(number));
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(checkout, path, ".."), { recursive: true });
  await writeFile(join(checkout, path), text);
}

test.each<{ name: string; work: () => Promise<unknown>; says: RegExp }>([
  {
    name: "makes its spec a link to another's",
    work: async () => {
      await rm(join(checkout, folder, "strategy.yaml"));
      await symlink("../../../policies/environments/paper.yaml", join(checkout, folder, "strategy.yaml"));
    },
    says: /strategy\.yaml.*(?:link|regular)/i,
  },
  {
    name: "links its folder to the policies",
    work: () => symlink("../../policies", join(checkout, "strategies/momentum/shadow")),
    says: /strategies\/momentum\/shadow/,
  },
  {
    name: "brings a submodule without a list of them",
    work: async () => {
      const library = `${folder}/lib`;
      await alice.git("init", "--quiet", library);
      await alice.git(
        "-C",
        library,
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@x",
        "commit",
        "-qm",
        "x",
        "--allow-empty",
      );
    },
    says: /lib/,
  },
  {
    name: "renames an environment's policies",
    work: () => alice.git("mv", "policies/environments/paper.yaml", "policies/environments/Paper.yaml"),
    says: /policies\/environments\/Paper\.yaml/,
  },
  {
    name: "raises a bound and uses it in one",
    work: async () => {
      await write(
        "policies/environments/paper.yaml",
        paper.replace('maxOrderNotional: "5000"', 'maxOrderNotional: "50000"'),
      );
      await write(
        `${folder}/strategy.yaml`,
        (good[`${folder}/strategy.yaml`] ?? "").replace(/maxOrderNotional: .*/, 'maxOrderNotional: "40000"'),
      );
    },
    says: /strategy\.yaml:\d+:\d+.*maxOrderNotional/,
  },
  {
    name: "moves a strategy into another team's folder",
    work: () => alice.git("mv", folder, "strategies/momentum-leads"),
    says: /momentum-leads/,
  },
  {
    name: "differs from its own folder in case",
    work: () => write("strategies/momentum/SMA-cross/strategy.yaml", good[`${folder}/strategy.yaml`] ?? ""),
    says: /SMA-cross/,
  },
  {
    name: "imports what lies outside of its folder",
    work: () =>
      write(`${folder}/algorithm.ts`, 'import teams from "../../../policies/teams.yaml";\nexport default teams;\n'),
    says: /algorithm\.ts:1:\d+/,
  },
  {
    name: "hides the end of a file's name",
    work: () => write(`${folder}/notes\u202Est.ts`, "export {};\n"),
    says: /notes/,
  },
  {
    name: "bombs the parser by aliases",
    work: () =>
      write(
        `${folder}/strategy.yaml`,
        `a: &a [x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n${good[`${folder}/strategy.yaml`] ?? ""}`,
      ),
    says: /strategy\.yaml:\d+:\d+/,
  },
  {
    name: "configures the checker",
    work: () => write("tsconfig.json", '{"compilerOptions":{"plugins":[]}}\n'),
    says: /tsconfig\.json/,
  },
  {
    name: "brings attributes that change what Git shows",
    work: () => write(".gitattributes", "* -diff\n"),
    says: /\.gitattributes/,
  },
  {
    name: "brings a record of its own",
    work: () => write(".slipway/record.json", "{}\n"),
    says: /\.slipway\/record\.json/,
  },
])("a proposal that $name is refused", async ({ work, says }) => {
  const { gate, comment } = await attacked(work);
  expect([gate?.state, comment]).toEqual(["refused", expect.stringMatching(says)]);
});

test("a commit in Slipway's own name is refused, whoever pushed it", async () => {
  const { gate, comment } = await attacked(async () => undefined, "Slipway <slipway@slipway.invalid>");
  expect([gate?.state, comment]).toEqual(["refused", expect.stringContaining("says that Slipway made it")]);
});

test("a proposal of 300 files is judged whole, the last of them too, and told within a comment's length", async () => {
  const twin = "strategies/momentum/twin";
  const fine = await attacked(async () => {
    for (const [path, text] of Object.entries(good))
      await write(path.replace(folder, twin), text.replace("name: sma-cross", "name: twin"));
    for (let index = 1; index <= 300; index += 1)
      await write(`${index % 2 === 0 ? folder : twin}/data/part-${index}.ts`, `export const part = ${index};\n`);
  });
  expect([fine.gate?.state, fine.comment]).toEqual(["passed", expect.stringContaining("ready for")]);
  expect((fine.comment ?? "").length).toBeLessThan(60_000);
  const bad = await attacked(async () => {
    for (let index = 1; index <= 300; index += 1)
      await write(`strategies/momentum/w${index}/strategy.yaml`, "kind: nothing\n");
  });
  expect([bad.gate?.state, bad.comment]).toEqual(["refused", expect.stringMatching(/more like these/)]);
  expect((bad.comment ?? "").length).toBeLessThan(60_000);
});

test("a rule that is taken away, and a resume that nobody approved, wait for those who may", async () => {
  const { number, head, gate } = await attacked(() => alice.git("rm", "--quiet", "policies/rules/require-limits.yaml"));
  expect(gate?.state).toBe("passed");
  const path = `/repos/${fixture.owner}/${fixture.name}/statuses/${head}`;
  const statuses = (await fixture.api("keeper", "GET", path)) as readonly {
    readonly context: string;
    readonly status: string;
    readonly description: string;
  }[];
  expect(statuses.find(({ context }) => context === "slipway/approvals")).toMatchObject({
    status: "pending",
    description: expect.stringContaining("2 approvals of @risk"),
  });
  expect((await fixture.marks?.(number))?.labels).toContain("slipway/needs-approval");
});
