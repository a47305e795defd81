import { describe, expect, test } from "vitest";
import { judge, specCases, type Verdict } from "./conformance.ts";

const cases = specCases();
const verdicts = new Map(cases.map((spec) => [spec, judge(spec)]));

/** Cases that the engine is held to, and those that the profile leaves out, by reason. `conformance.ts` says which is which. */
const counted = {
  "held to": 1193,
  "a variable that JSON cannot carry": 2,
  "base64: not in Kubernetes": 4,
  "cel.bind: not in Kubernetes": 5,
  "cel.block: not in Kubernetes": 37,
  "containers: Kubernetes has none": 3,
  "format() of a later string extension than Kubernetes has": 26,
  "functions that the suite declares itself": 5,
  "indexOf() of a later string extension than Kubernetes has": 2,
  "literals of mixed types: Kubernetes refuses them, too": 30,
  "math: not in Kubernetes": 199,
  "needs the type check off; Kubernetes checks, too": 29,
  "optional values": 70,
  "protobuf messages": 671,
  "refused: outside the profile": 65,
  "variables with dots in their names": 3,
};

describe("cel-spec", () => {
  test("every case within the profile passes", () => {
    const failed = [...verdicts].filter(
      (entry): entry is [(typeof cases)[number], Verdict & { kind: "fail" }] => entry[1].kind === "fail",
    );
    expect(failed.map(([{ suite, name, expr }, { message }]) => `${suite} ${name}: ${expr}: ${message}`)).toEqual([]);
  });

  test("what is left out is known, case by case", () => {
    const counts: Record<string, number> = {};
    for (const verdict of verdicts.values()) {
      const reason = verdict.kind === "excluded" ? verdict.reason : "held to";
      counts[reason] = (counts[reason] ?? 0) + 1;
    }
    expect(counts).toEqual(counted);
  });
});
