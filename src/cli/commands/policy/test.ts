import type { Command } from "commander";
import type { JsonObject } from "#core/json.ts";
import { hasErrors } from "#core/refusal.ts";
import type { TestedRule } from "#delivery/policy-test.ts";
import { type Act, type CommandContext, type CommandResult, findingsJson, refused } from "../../context.ts";
import { columns, count, formatDuration } from "../../output.ts";
import { examples } from "../../program.ts";
import { findPlace } from "../../site.ts";

export function define(command: Command, act: Act): void {
  command
    .description(
      "Tries rules on their own samples, then weakens each rule in every way there is (a comparison turned, a condition dropped, a constant shifted …): a weakened rule that its samples do not notice is one that an edit could turn into unseen. From this folder as it stands.",
    )
    .argument("[rules...]", "names of rules, or their files (default: all)")
    .addHelpText(
      "after",
      examples(
        [
          ["slipway policy test", "every rule"],
          ["slipway policy test require-image-digest", "one rule, and what its samples miss"],
        ],
        { 2: "samples contradict a rule, or a rule that forbids can be weakened unnoticed" },
      ),
    )
    .action((rules: readonly string[]) => act((context) => testRules(context, rules)));
}

async function testRules(context: CommandContext, names: readonly string[]): Promise<CommandResult> {
  const startedMs = context.steady();
  const place = findPlace(context);
  if (!place.ok) return refused(context, [place.error]);
  const { testPolicies } = await import("#delivery/policy-test.ts");
  const { readWorkspace } = await import("#delivery/tree.ts");
  const asked = names.map((name) => name.replace(/^(?:\.\/)?policies\/rules\//, "").replace(/\.yaml$/, ""));
  const { rules, findings } = testPolicies(await readWorkspace(place.value.checkout), asked);
  const all = [...findings, ...rules.flatMap((rule) => rule.findings)];
  for (const line of columns(rules.map(row))) context.out.line(line);
  context.out.findings(all);
  const tried = sum(rules, ({ score }) => score?.mutants ?? 0);
  const survived = sum(rules, ({ score }) => score?.survivors.length ?? 0);
  const samples = sum(rules, ({ document }) => samplesOf(document).allow + samplesOf(document).deny);
  const spent = formatDuration(context.steady() - startedMs);
  const score = `${tried - survived} of ${tried} weakened rules noticed${tried === 0 ? "" : ` (${percent(tried - survived, tried)})`}`;
  const summary = `${count(rules.length, "rule")}, ${count(samples, "sample")}, ${score} (${spent})`;
  const document = {
    rules: rules.map(ruleJson),
    samples,
    mutants: tried,
    killed: tried - survived,
    findings: findingsJson(all),
  };
  if (hasErrors(all)) {
    context.out.error(summary);
    return { exitCode: 2, document: { ok: false, ...document } };
  }
  context.out.line(summary);
  return { exitCode: 0, document: { ok: true, ...document } };
}

function row({ name, document, score, findings }: TestedRule): readonly string[] {
  if (document === undefined || score === undefined) return [name, "refused", "", ""];
  const { allow, deny } = samplesOf(document);
  const killed = score.mutants - score.survivors.length;
  return [
    name,
    hasErrors(findings) ? "✗" : "✓",
    `${allow} allowed, ${deny} denied`,
    `${killed} of ${score.mutants} weakened noticed`,
  ];
}

function ruleJson({ name, file, document, score, findings }: TestedRule): JsonObject {
  return {
    name,
    file,
    enforcement: document?.spec.enforcement ?? null,
    samples: { ...samplesOf(document) },
    mutants: score?.mutants ?? 0,
    killed: score === undefined ? 0 : score.mutants - score.survivors.length,
    survivors: (score?.survivors ?? []).map((survivor) => ({ ...survivor })),
    findings: findingsJson(findings),
  };
}

function samplesOf(document: TestedRule["document"]): { readonly allow: number; readonly deny: number } {
  const { allow = [], deny = [] } = document?.spec.samples ?? {};
  return { allow: allow.length, deny: deny.length };
}

function sum(rules: readonly TestedRule[], of: (rule: TestedRule) => number): number {
  let total = 0;
  for (const rule of rules) total += of(rule);
  return total;
}

/** Never rounded up to all of them. */
function percent(part: number, whole: number): string {
  return `${Math.floor((part / whole) * 100)} %`;
}
