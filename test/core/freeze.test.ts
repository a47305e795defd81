import { describe, expect, test } from "vitest";
import { freezeWindow, isFrozen, parseFreeze } from "#core/freeze.ts";
import { formatPlace } from "#core/refusal.ts";

const file = "policies/freezes/year-end.yaml";

function freeze(changes: Readonly<Record<string, string>> = {}) {
  const spec = {
    from: '"2026-12-24T18:00"',
    until: '"2027-01-02T08:00"',
    timeZone: "Europe/Berlin",
    environments: "[paper]",
    owner: "risk",
    reason: "nobody watches",
    ...changes,
  };
  const lines = Object.entries(spec).map(([key, text]) => `  ${key}: ${text}`);
  const text = ["apiVersion: slipway.dev/v1", "kind: Freeze", "metadata: { name: year-end }", "spec:", ...lines, ""];
  return parseFreeze(file, text.join("\n"));
}

const seconds = (text: string): number => Date.parse(text) / 1000;

test.each([
  ["Europe/Berlin", "2026-12-24T17:00:00Z", "2027-01-02T07:00:00Z"],
  ["UTC", "2026-12-24T18:00:00Z", "2027-01-02T08:00:00Z"],
  ["America/New_York", "2026-12-24T23:00:00Z", "2027-01-02T13:00:00Z"],
  ["Asia/Kolkata", "2026-12-24T12:30:00Z", "2027-01-02T02:30:00Z"],
  ["Pacific/Chatham", "2026-12-24T04:15:00Z", "2027-01-01T18:15:00Z"],
])("the window in %s", (timeZone, from, until) => {
  const { document, findings } = freeze({ timeZone });
  expect(findings).toEqual([]);
  expect(freezeWindow(document!)).toEqual({ fromSeconds: seconds(from), untilSeconds: seconds(until) });
});

test("it holds from its first second to the last before its end, across a change of clocks", () => {
  const { document } = freeze({ from: '"2026-03-28T12:00"', until: '"2026-03-29T12:00:00"' });
  const at = ["10:59:59", "11:00:00"].map((time) => isFrozen(document!, seconds(`2026-03-28T${time}Z`)));
  const end = ["09:59:59", "10:00:00"].map((time) => isFrozen(document!, seconds(`2026-03-29T${time}Z`)));
  expect([at, end]).toEqual([
    [false, true],
    [true, false],
  ]);
});

describe("refused", () => {
  test.each([
    [
      "a time that clocks jump over",
      { from: '"2026-03-29T02:30"' },
      "5:9 local-time-skipped",
      "from 2026-03-29T02:30 does not exist in Europe/Berlin: clocks are put forward over it",
      'write "2026-03-29T03:30", or a time before the change',
    ],
    [
      "a time that comes twice",
      { until: '"2026-10-25T02:30"', from: '"2026-10-24T00:00"' },
      "6:10 local-time-ambiguous",
      "until 2026-10-25T02:30 comes twice in Europe/Berlin, at +02:00 and at +01:00: clocks are put back over it",
      'write a time before or after the change, or "2026-10-25T00:30" or "2026-10-25T01:30" with timeZone: UTC',
    ],
    [
      "half an hour that comes twice",
      { timeZone: "Australia/Lord_Howe", from: '"2026-04-05T01:45"', until: '"2026-04-06T00:00"' },
      "5:9 local-time-ambiguous",
      "from 2026-04-05T01:45 comes twice in Australia/Lord_Howe, at +11:00 and at +10:30: clocks are put back over it",
      undefined,
    ],
    [
      "a day that a place left out",
      { timeZone: "Pacific/Apia", from: '"2011-12-30T10:00"', until: '"2012-01-01T00:00"' },
      "5:9 local-time-skipped",
      undefined,
      undefined,
    ],
    [
      "a day that does not exist",
      { from: '"2026-02-30T10:00"' },
      "5:9 local-time-malformed",
      "from 2026-02-30T10:00 is no local time that exists",
      undefined,
    ],
    ["24 o'clock", { from: '"2026-12-24T24:00"' }, "5:9 local-time-malformed", undefined, undefined],
    [
      "a misspelt place",
      { timeZone: "Europe/Berlni" },
      "7:13 time-zone-unknown",
      "timeZone Europe/Berlni is not in the time zone database",
      "write Europe/Berlin",
    ],
    [
      "a place in other letters",
      { timeZone: "europe/berlin" },
      "7:13 time-zone-unknown",
      "timeZone europe/berlin is written Europe/Berlin",
      "write Europe/Berlin",
    ],
    [
      "an abbreviation",
      { timeZone: "EST" },
      "7:13 time-zone-unknown",
      "timeZone EST is neither UTC nor the name of a place",
      undefined,
    ],
    ["hours counted backwards", { timeZone: "Etc/GMT+5" }, "7:13 time-zone-unknown", undefined, undefined],
    [
      "an end at the start",
      { until: '"2026-12-24T18:00:00"' },
      "6:10 freeze-empty",
      "the freeze ends at 2026-12-24T18:00:00, not after it starts at 2026-12-24T18:00",
      undefined,
    ],
    [
      "a day more than a year",
      { until: '"2027-12-25T18:01"' },
      "6:10 freeze-too-long",
      "the freeze lasts 367 days, above the limit of 366",
      undefined,
    ],
  ] as const)("%s", (_name, changes, found, message, fix) => {
    const { document, findings } = freeze(changes);
    expect(document).toBeUndefined();
    expect(findings.map(({ code, place }) => `${formatPlace(place!)} ${code}`)).toEqual([`${file}:${found}`]);
    if (message !== undefined) expect(findings[0]?.message).toBe(message);
    if (fix !== undefined) expect(findings[0]?.fix).toBe(fix);
  });

  test("both times at once", () => {
    const { findings } = freeze({ from: '"2026-03-29T02:30"', until: '"2026-10-25T02:30"' });
    expect(findings.map(({ code }) => code)).toEqual(["local-time-skipped", "local-time-ambiguous"]);
  });

  test("366 days are allowed", () => {
    expect(freeze({ until: '"2027-12-25T18:00"' }).findings).toEqual([]);
  });
});
