import { compileExpression } from "../cel/compile.ts";
import type { CompiledRule } from "./compile.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { laySample } from "./sample.ts";
import { declarationsOf } from "./shapes.ts";
import type { RuleVariables } from "./variables.ts";

/** How well a rule's samples hold it in place. */
export interface MutationScore {
  /** Ways to weaken the rule that are an expression at all. */
  readonly mutants: number;
  /** Those that no sample notices. */
  readonly survivors: readonly Mutant[];
}

/** Weakens a rule in every way that `mutantsOf` knows; with each its samples must not be what they were. */
export function mutationScore({ document }: CompiledRule): MutationScore {
  const { spec } = document;
  const laid = (kind: "allow" | "deny"): readonly RuleVariables[] =>
    spec.samples[kind].flatMap((sample) => {
      const variables = laySample(spec, sample, "");
      return variables.ok ? [variables.value] : [];
    });
  const samples = { allow: laid("allow"), deny: laid("deny") };
  const declarations = declarationsOf(spec.over);
  let mutants = 0;
  const survivors: Mutant[] = [];
  for (const mutant of mutantsOf(spec.expression)) {
    const compiled = compileExpression(mutant.text, declarations, "bool");
    if (!compiled.ok) continue;
    mutants += 1;
    const says = (variables: RuleVariables): unknown => {
      const outcome = compiled.value.evaluate(variables);
      return outcome.ok ? outcome.value : undefined;
    };
    const noticed = samples.allow.some((one) => says(one) !== true) || samples.deny.some((one) => says(one) !== false);
    if (!noticed) survivors.push(mutant);
  }
  return { mutants, survivors };
}
