// What of a forge's own rules is not as Slipway needs it, said so that whoever administers it can act.
import { expect, test } from "vitest";
import { type BranchRules, compareRules } from "#forge/branch-rules.ts";

const writer = "slipway-acme[bot]";
const good: BranchRules = {
  ...{ pushers: [writer], mergers: undefined, overriders: [], rewritten: false, deleted: false, sourceless: false },
  created: false,
  statuses: ["slipway/gate", "slipway/approvals", "ci"].map((context) => ({ context, source: writer })),
};
const own: BranchRules = { ...good, mergers: [writer], statuses: [] };

function codes(rules: ReadonlyMap<string, BranchRules>): readonly string[] {
  return compareRules(rules, writer).map(({ code }) => code);
}

test("nothing is said of what is as it must be; the writer's name may differ in case", () => {
  expect(
    codes(
      new Map([
        ["main", good],
        ["env/paper", own],
      ]),
    ),
  ).toEqual([]);
  expect(codes(new Map([["main", { ...good, pushers: ["Slipway-Acme[bot]"], overriders: [writer] }]]))).toEqual([]);
});

test.each<{ name: string; change: Partial<BranchRules>; code: string; says: string }>([
  { name: "anyone pushes", change: { pushers: undefined }, code: "forge-pushed", says: "everyone who may write" },
  { name: "another one pushes", change: { pushers: [writer, "carol"] }, code: "forge-pushed", says: "main: carol may" },
  { name: "Slipway does not push", change: { pushers: [] }, code: "forge-writer-kept-out", says: writer },
  {
    name: "administrators pass by",
    change: { overriders: ["administrators"] },
    code: "forge-overridden",
    says: "administrators may",
  },
  { name: "history is rewritten", change: { rewritten: true }, code: "forge-rewritten", says: "forced push" },
  { name: "it is deleted", change: { deleted: true }, code: "forge-deleted", says: "deleted" },
  {
    ...{ name: "a status is missing", change: { statuses: good.statuses.slice(1) } },
    ...{ code: "forge-status-missing", says: "without slipway/gate" },
  },
  {
    name: "a status counts from anyone",
    change: {
      statuses: good.statuses.map(({ context }) => ({
        context,
        source: context === "slipway/gate" ? undefined : writer,
      })),
    },
    ...{ code: "forge-status-source", says: "slipway/gate counts from anyone" },
  },
  {
    name: "a status counts from another App",
    change: {
      statuses: good.statuses.map(({ context }) => ({
        context,
        source: context === "slipway/gate" ? "the App 7" : writer,
      })),
    },
    ...{ code: "forge-status-source", says: "the App 7" },
  },
])("main: $name", ({ change, code, says }) => {
  const findings = compareRules(new Map([["main", { ...good, ...change }]]), writer);
  expect(findings).toMatchObject([
    {
      code,
      severity: "error",
      message: expect.stringContaining(says),
      fix: expect.stringContaining("slipway forge protect"),
    },
  ]);
});

test.each<{ name: string; change: Partial<BranchRules>; code: string }>([
  { name: "another one pushes", change: { pushers: [writer, "carol"] }, code: "forge-own-pushed" },
  { name: "another one merges", change: { mergers: undefined }, code: "forge-own-merged" },
  { name: "it is deleted", change: { deleted: true }, code: "forge-deleted" },
  { name: "another one makes it", change: { created: true }, code: "forge-own-created" },
])("a branch of Slipway's own: $name, said once for all of them", ({ change, code }) => {
  const rules = new Map(["env/live", "env/paper"].map((branch) => [branch, { ...own, ...change }]));
  expect(compareRules(rules, writer)).toMatchObject([
    { code, message: expect.stringMatching(/^env\/live, env\/paper: /) },
  ]);
});

test("a forge that knows no source of a status is warned of, and that is no refusal", () => {
  expect(compareRules(new Map([["main", { ...good, sourceless: true }]]), writer)).toMatchObject([
    { code: "forge-status-source", severity: "warning" },
  ]);
});
