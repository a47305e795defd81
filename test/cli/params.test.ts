import { expect, test } from "vitest";
import { paramsText } from "#cli/params-text.ts";
import type { Description } from "#core/description.ts";

const description: Description = {
  params: {
    fast: { type: "integer", default: 10, min: 1, max: 200, description: "prices in the average" },
    side: { type: "string", default: "both", choices: ["both", "long"] },
    edge: { type: "number", min: 0 },
    words: { type: "list", default: ["a rather long text that no column is for"] },
  },
  commands: { rebalance: "sells what is too much" },
};

test("what an algorithm takes, and what the spec gives it", () => {
  expect(paramsText(description, { fast: 12, edge: 0.5 })).toEqual([
    "  PARAM  TYPE     TAKES       DEFAULT                   HERE       MEANING",
    "  edge   number   from 0      must be given             0.5",
    "  fast   integer  1 to 200    10                        12         prices in the average",
    '  side   string   both, long  "both"                    (default)',
    '  words  list     any         ["a rather long text th…  (default)',
    "  command rebalance: sells what is too much",
  ]);
  expect(paramsText(description)[0]).toBe("  PARAM  TYPE     TAKES       DEFAULT                   MEANING");
  expect(paramsText({ params: {} })).toEqual([]);
});
