import { expect, test } from "vitest";
import { formatPlace } from "#core/refusal.ts";
import { readFleet } from "#delivery/fleet.ts";
import { createMemo } from "#delivery/memo.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkWindows } from "#delivery/windows.ts";
import { freeze, waiver } from "./documents.ts";
import { checkout, withFiles } from "./fixture.ts";

const memo = createMemo();
const atSeconds = Date.parse("2026-12-04T12:00:00Z") / 1000;

function check(before: SourceTree, after: SourceTree): readonly string[] {
  const { policies } = readFleet(after, memo);
  return checkWindows(before, after, policies, atSeconds).map(
    ({ code, place, message, fix }) => `${place && formatPlace(place)} ${code}: ${message} (${fix})`,
  );
}

const file = "policies/waivers/big.yaml:9:10";
const waives = '{ bound: maxOrderNotional, to: "9000" }';

test.each([
  { until: "2026-12-04T12:00:01Z", found: [] },
  { until: "2026-12-04", found: [] },
  { until: "2027-03-04T12:00:00Z", found: [] },
  { until: "2027-03-03", found: [] },
  {
    until: "2026-12-04T12:00:00Z",
    found: [
      `${file} waiver-ended: until 2026-12-04T12:00:00Z is over: it is 2026-12-04 12:00:00 UTC on main (write a later end, or take the waiver out)`,
    ],
  },
  {
    until: "2026-12-03",
    found: [
      `${file} waiver-ended: until 2026-12-03 is over: it is 2026-12-04 12:00:00 UTC on main (write a later end, or take the waiver out)`,
    ],
  },
  {
    until: "2027-03-04T12:00:01Z",
    found: [
      `${file} waiver-too-long: until 2027-03-04T12:00:01Z is 91 days after 2026-12-04 12:00:00 UTC, which it is on main; a waiver lasts at most 90 days (write 2027-03-03 or earlier; what shall hold for longer is a bound or a rule)`,
    ],
  },
  {
    until: "2027-03-04",
    found: [
      `${file} waiver-too-long: until 2027-03-04 is 91 days after 2026-12-04 12:00:00 UTC, which it is on main; a waiver lasts at most 90 days (write 2027-03-03 or earlier; what shall hold for longer is a bound or a rule)`,
    ],
  },
])("a waiver until $until", async ({ until, found }) => {
  const before = await checkout();
  expect(check(before, withFiles(before, waiver("big", { waives, until })))).toEqual(found);
});

test("one that is on main already is left alone, a changed one is not", async () => {
  const main = withFiles(await checkout(), waiver("big", { waives, until: "2026-12-01" }));
  expect(check(main, main)).toEqual([]);
  const changed = withFiles(main, waiver("big", { waives, until: "2026-12-01", reason: "another" }));
  expect(check(main, changed)).toHaveLength(1);
});

test.each([
  { until: "2026-12-04T12:00:01", found: [] },
  {
    until: "2026-12-04T12:00",
    found: [
      "policies/freezes/rest.yaml:6:10 freeze-ended: until 2026-12-04T12:00 UTC is over: it is 2026-12-04 12:00:00 UTC on main (write a later end, or take the freeze out)",
    ],
  },
])("a freeze until $until", async ({ until, found }) => {
  const before = await checkout();
  expect(check(before, withFiles(before, freeze("rest", { from: "2026-12-01T00:00", until })))).toEqual(found);
});

test.each(["soon", "2026-02-30", "2026-12-04T25:00Z", "2026-12-04T12:00", ""])(
  "a date that cannot be read (%j) is refused at load",
  async (until) => {
    const after = withFiles(await checkout(), waiver("big", { waives, until }));
    const { policies, policyFindings } = readFleet(after, memo);
    expect(policies.waivers.get("big")?.document).toBeUndefined();
    expect(policyFindings.get("policies/waivers/big.yaml")).not.toEqual([]);
  },
);

test("two waivers of rates of which neither is within the other are refused", async () => {
  const after = withFiles(await checkout(), {
    ...waiver("burst", { waives: '{ bound: orderRate, to: "900/10s" }', until: "2026-12-31" }),
    ...waiver("steady", {
      waives: '{ bound: orderRate, to: "100/1s" }',
      until: "2026-12-31",
      scope: "{ environment: paper, team: momentum }",
    }),
    ...waiver("others", {
      waives: '{ bound: orderRate, to: "101/1s" }',
      until: "2026-12-31",
      scope: "{ environment: paper, team: seed }",
    }),
  });
  const { policyFindings } = readFleet(after, memo);
  expect([...policyFindings.values()].flat().map(({ code, place }) => [place?.file, code])).toEqual([
    ["policies/waivers/steady.yaml", "waiver-incomparable"],
  ]);
});
