import { describe, expect, test } from "vitest";
import type { JsonObject } from "#core/json.ts";
import { generate, variables as generatedVariables } from "./cel-expressions.ts";
import * as formats from "./cel-formats.ts";
import { type Answer, askOurs, askReference } from "./cel-reference.ts";
import * as tables from "./cel-tables.ts";

type Verdict = "same" | "stricter" | { readonly wrong: string };

/** Where the two differ on purpose, or since Kubernetes is at fault; each with what to expect instead. */
const exclusions: readonly {
  readonly why: string;
  readonly excuses: (ours: Answer, theirs: Answer, text: string) => boolean;
}[] = [
  {
    why: "duration(int): Kubernetes declares it, and fails each time",
    excuses: (ours, theirs) => ours.refused?.includes("duration(int)") === true && theirs.error !== undefined,
  },
  {
    why: "keys: Kubernetes takes any value as a key of a literal, and a key twice; CEL does not",
    excuses: (ours) => /^(?:a key is a string|the key .* is there twice)/.test(ours.refused ?? ours.error ?? ""),
  },
  {
    why: "lists and maps of addresses, URLs or quantities against others: Kubernetes takes each pair of elements for equal",
    excuses: (ours, theirs, text) =>
      / == |, sets\./.test(text) &&
      ours.value === '{"bool":false}' &&
      theirs.value === '{"bool":true}' &&
      /ip\(|cidr\(|url\(|quantity\(/.test(text),
  },
  {
    why: "null[…]: Kubernetes compiles it, and it fails each time",
    excuses: (ours, theirs) => ours.refused?.includes("null[") === true && theirs.error !== undefined,
  },
  {
    why: "!= with a sum of quantities on the right: Kubernetes says true of any two",
    excuses: (ours) => ours.error?.includes("a sum of quantities") === true,
  },
];

/** Refusals that are stricter than Kubernetes by design: constants that would fail whenever they are reached. */
const stricterCodes: ReadonlySet<string | undefined> = new Set(["outside-profile", "invalid-literal"]);

function judge(text: string, ours: Answer, theirs: Answer): Verdict {
  const verdict = compare(ours, theirs);
  if (typeof verdict === "string") return verdict;
  return exclusions.some(({ excuses }) => excuses(ours, theirs, text)) ? "stricter" : verdict;
}

function compare(ours: Answer, theirs: Answer): Verdict {
  if (ours.refused !== undefined) {
    if (theirs.refused !== undefined) return "same";
    return stricterCodes.has(ours.code) ? "stricter" : { wrong: `refused: ${ours.refused}, not ${show(theirs)}` };
  }
  if (theirs.refused !== undefined) return { wrong: `${show(ours)}, but refused there: ${theirs.refused}` };
  if (ours.error !== undefined && theirs.error !== undefined) return "same";
  if (ours.value !== theirs.value) return { wrong: `${show(ours)}, not ${show(theirs)}` };
  return ours.cost === theirs.cost ? "same" : { wrong: `costs ${ours.cost}, not ${theirs.cost}` };
}

function show({ value, error }: Answer): string {
  return value ?? `error: ${error}`;
}

/** Compares values, errors, refusals and costs. */
function expectAgreement(expressions: readonly string[], variables: JsonObject): void {
  const theirs = askReference(expressions, variables);
  const counts = { same: 0, stricter: 0 };
  const wrong: string[] = [];
  for (const [index, text] of expressions.entries()) {
    const verdict = judge(text, askOurs(text, variables), theirs[index] ?? { cost: 0 });
    if (typeof verdict === "string") counts[verdict] += 1;
    else wrong.push(`${text}: ${verdict.wrong}`);
  }
  expect(theirs).toHaveLength(expressions.length);
  expect(wrong).toEqual([]);
  expect(counts.stricter).toBeLessThan(expressions.length / 5);
}

describe("policy expressions mean what Kubernetes' own CEL means", () => {
  test.each([
    ["quantities", formats.quantities],
    ["addresses", formats.addresses],
    ["URLs", formats.urls],
    ["named formats", formats.namedFormats],
    ["texts", tables.texts],
    ["regular expressions", tables.patterns],
    ["conversions", tables.conversions],
    ["times", tables.times],
    ["lists and maps", tables.lists],
    ["operators", tables.operators],
    ["spelling", tables.syntax],
    ["depth", tables.deep],
  ])("%s", (_name, table) => {
    expectAgreement(table(), tables.variables);
  });

  test.each([1, 2, 3])("generated expressions, seed %i", (seed) => {
    expectAgreement(generate(4000, seed), generatedVariables);
  });
});
