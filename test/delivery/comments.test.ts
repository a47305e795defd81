// The gate's comment in ten cases, as people read it: test/golden/comments. A change of words is looked at there, and taken over with
// `vitest run test/delivery/comments.test.ts -u`.
import { afterAll, beforeAll, expect, test } from "vitest";
import { judge } from "#delivery/gate.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { branchRef } from "#git/open.ts";
import { asked } from "./approvals-scene.ts";
import { maskedComment } from "./comment-mask.ts";
import { rule, teams } from "./documents.ts";
import {
  alice,
  approve,
  checkout,
  main,
  openSite,
  paperPolicy,
  push,
  randomTs,
  type Site,
  sma,
  spec,
  value,
  withFiles,
  withoutRules,
} from "./fixture.ts";

const memo = createMemo();
let at: Site;
let tree: SourceTree;

beforeAll(async () => {
  const denies = rule("max-order", { denies: "1999", enforcement: "require-approval", owner: "risk" });
  tree = withFiles(withoutRules(await checkout()), { ...teams(asked), ...denies });
  at = await openSite({ tree, memo });
  const running = [...tree].filter(([path]) => path.includes("sma-cross") || path.includes("random-ts"));
  const texts = running.map(([path, { bytes }]) => [path, new TextDecoder().decode(bytes)] as const);
  await push(at, "main", Object.fromEntries(texts));
});
afterAll(() => at?.close());

function text(path: string): string {
  const bytes = tree.get(path)?.bytes;
  if (bytes === undefined) throw new Error(`there is no ${path}`);
  return new TextDecoder().decode(bytes);
}

/** A file with some of its texts replaced; each must occur. */
function edited(path: string, ...changes: readonly (readonly [from: string, to: string])[]): Record<string, string> {
  let now = text(path);
  for (const [from, to] of changes) {
    if (!now.includes(from)) throw new Error(`${path} does not hold ${from}`);
    now = now.replaceAll(from, to);
  }
  return { [path]: now };
}

function copyOf(id: string, name: string): Record<string, string> {
  const prefix = `strategies/${id}/`;
  const files = [...tree.keys()].filter((path) => path.startsWith(prefix));
  const [team = ""] = id.split("/");
  return Object.fromEntries(
    files.map((path) => [
      `strategies/${team}/${name}/${path.slice(prefix.length)}`,
      text(path).replaceAll(id.split("/")[1] ?? "", name),
    ]),
  );
}

const hostile = "</details> | **`@everyone`** <img src=x onerror=alert(1)> [x](javascript:alert(1)) ``` <!-- -->";

test.each([
  { name: "01-new-strategy", files: () => copyOf(sma, "sma-slow"), title: "sma-slow: a slower one" },
  {
    name: "02-limit-tighter",
    files: () => edited(spec(sma), ['maxOrderNotional: "2000"', 'maxOrderNotional: "1500"']),
    title: "sma-cross: smaller orders",
  },
  {
    name: "03-limit-looser",
    files: () => edited(spec(sma), ['maxOrderNotional: "2000"', 'maxOrderNotional: "2500"']),
    title: "sma-cross: larger orders",
  },
  {
    name: "04-approved",
    files: () => edited(spec(sma), ["fast: 10", "fast: 12"]),
    title: "sma-cross: fast 10 → 12",
    approvers: ["carol", "mallory"],
  },
  {
    name: "05-refused",
    files: () => ({
      ...edited(
        spec(sma),
        ["owner: alice", "ownr: alice"],
        ['maxOrderNotional: "2000"', 'maxOrderNotional: "5000.01"'],
        ["memory: 128Mi", "memory: 1Gi"],
      ),
      "strategies/momentum/sma-cross/algorithm.ts": 'import "node:fs";\nexport default class A {}\n',
    }),
    title: "sma-cross: everything at once",
  },
  {
    name: "06-policies",
    files: () => edited(paperPolicy, ['maxOrderNotional: "5000"', 'maxOrderNotional: "4000"']),
    title: "paper: smaller orders for everyone",
  },
  {
    name: "07-policies-that-stop",
    files: () => edited(paperPolicy, ['maxOrderNotional: "5000"', 'maxOrderNotional: "1000"']),
    title: "paper: far smaller orders for everyone",
  },
  {
    name: "08-deleted",
    files: () =>
      Object.fromEntries(
        [...tree.keys()].filter((path) => path.startsWith(`strategies/${randomTs}/`)).map((path) => [path, null]),
      ),
    title: "random-ts: has had its day",
  },
  {
    name: "09-tool-and-hostile-words",
    files: () => ({
      ...edited(spec(sma), ["fast: 10", "fast: 14"]),
      "cdk8s.yaml": "app: evil\n",
      ".github/workflows/gate.yml": "on: pull_request_target\n",
      [`strategies/momentum/sma-cross/${hostile.replaceAll("/", "")}`]: "x\n",
    }),
    title: hostile,
  },
  { name: "10-nothing", files: () => ({ "strategies/momentum/sma-cross/.notes": "seen by nobody\n" }), title: "notes" },
])("$name", async ({ name, files, title, approvers = [] }) => {
  const { repository, forge } = at;
  await push(at, `case/${name}`, files());
  const opened = await forge.open({
    title,
    description: "",
    author: alice,
    branch: branchRef(`case/${name}`),
    target: main,
  });
  const { number } = value(opened);
  await judge({ repository, forge, number, memo });
  for (const by of approvers) await approve(at, number, by);
  if (approvers.length > 0) await judge({ repository, forge, number, memo });
  const { comment = "" } = value(await forge.get(number));
  expect(comment.length).toBeLessThan(60_000);
  await expect(maskedComment(comment)).toMatchFileSnapshot(`../golden/comments/${name}.md`);
  value(await forge.close(number));
});
