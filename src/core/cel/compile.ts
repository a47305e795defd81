import { err, ok, type Result } from "../result.ts";
import { type Expression, namesIn } from "./ast.ts";
import { Checker } from "./checker.ts";
import { Evaluation, type Step } from "./evaluation.ts";
import { type EvaluationFault, type ExpressionFault, type FaultDetail, faultAt } from "./faults.ts";
import { fromJson, type InputValue, NestedTooDeeply, type OutputValue, toJson } from "./json.ts";
import { parse } from "./parser.ts";
import { plan } from "./plan.ts";
import { costMax } from "./profile.ts";
import type { Pattern } from "./regex.ts";
import { type CelType, type Declarations, formatType, type TypeShape, typeOfShape } from "./types.ts";
import { type CelValue, Failure, isList, kindOf } from "./values.ts";

export type { EvaluationFault, ExpressionFault, ExpressionFaultCode } from "./faults.ts";
export type { InputValue, OutputValue } from "./json.ts";
export type { Declarations, TypeShape } from "./types.ts";

/** The type that an expression as a whole must have. */
export type Wanted = "bool" | "string" | "list(string)" | "list(list(string))" | "dyn";

/** A variable an expression may name, by name. A declared one that is absent fails where it is read. */
export type Variables = Readonly<Record<string, InputValue | undefined>>;

/** A checked expression, ready to be evaluated any number of times. */
export interface Program {
  readonly text: string;
  /** Every name that stands in it: a variable that is not among them has no say. */
  readonly names: ReadonlySet<string>;
  /** Never throws, and gives the same for the same: no clock, no randomness, a budget in place of a timeout. */
  evaluate(variables: Variables): Result<OutputValue, EvaluationFault>;
  /** As `evaluate`, with the value as the engine has it and what it cost. */
  run(variables: Variables): Run;
}

export interface Run {
  readonly outcome: Result<CelValue, EvaluationFault>;
  /** Units, of which `costMax` are allowed. */
  readonly cost: number;
}

/** Parses and checks an expression. All its mistakes are reported, except behind a broken syntax. */
export function compileExpression(
  text: string,
  declarations: Declarations,
  want: Wanted,
): Result<Program, readonly ExpressionFault[]> {
  const refuse = (faults: readonly FaultDetail[]) => err(faults.map((fault) => faultAt(text, fault)));
  const parsed = parse(text);
  if (!parsed.ok) return refuse(parsed.error);
  const types = [...declarations.variables].map(([name, shape]) => [name, typeOfShape(shape)] as const);
  const checker = new Checker(new Map(types));
  const type = checker.check(parsed.value);
  const faults = checker.faults.length > 0 ? checker.faults : unwanted(parsed.value, type, want);
  if (faults.length > 0) return refuse(faults);
  const program = new CompiledProgram(text, parsed.value, checker, declarations.variables, want);
  return program.faults.length > 0 ? refuse(program.faults) : ok(program);
}

const dynamicFixes: Readonly<Record<Exclude<Wanted, "dyn">, string>> = {
  bool: "compare it: … == true",
  string: "convert it: string(…)",
  "list(string)": "give texts: ….map(x, string(x))",
  "list(list(string))": "give lists of texts",
};

/** Kubernetes takes only an expression whose type is known to be the wanted one. */
function unwanted(expression: Expression, type: CelType, want: Wanted): readonly FaultDetail[] {
  if (want === "dyn" || formatType(type) === want) return [];
  const message = `the expression must be a ${want}, not ${formatType(type)}`;
  const dynamicFix = dynamicFixes[want];
  const fix = type.kind === "dyn" || type.kind === "param" ? dynamicFix : undefined;
  return [{ code: "type", message, fix, at: expression.start, end: expression.end }];
}

function isWanted(value: CelValue, want: Wanted): boolean {
  if (want === "list(string)") return isList(value) && value.every((item) => typeof item === "string");
  if (want === "list(list(string))") return isList(value) && value.every((item) => isWanted(item, "list(string)"));
  return want === "dyn" || kindOf(value) === want;
}

class CompiledProgram implements Program {
  readonly text: string;
  readonly names: ReadonlySet<string>;
  readonly faults: FaultDetail[] = [];
  readonly #want: Wanted;
  readonly #step: Step;
  readonly #slotCount: number;
  readonly #variables: readonly (readonly [name: string, shape: TypeShape])[];
  readonly #patterns = new Map<string, Pattern | Failure>();

  constructor(
    text: string,
    expression: Expression,
    checker: Checker,
    variables: ReadonlyMap<string, TypeShape>,
    want: Wanted,
  ) {
    this.text = text;
    this.names = new Set(namesIn(expression));
    this.#want = want;
    this.#variables = [...variables];
    let next = this.#variables.length;
    const slots = new Map(this.#variables.map(([name], index) => [name, index]));
    this.#step = plan(expression, {
      slots,
      newSlot: () => next++,
      overloadsOf: (call) => checker.overloadsOf(call),
      constants: new Evaluation(0, () => undefined, this.#patterns),
      refuse: ({ start, end }, message) => this.faults.push({ code: "invalid-literal", message, at: start, end }),
    });
    this.#slotCount = next;
  }

  evaluate(variables: Variables): Result<OutputValue, EvaluationFault> {
    const { outcome } = this.run(variables);
    if (!outcome.ok) return outcome;
    const value = toJson(outcome.value);
    return value instanceof Failure ? err({ code: "evaluation-error", message: value.message, offset: 0 }) : ok(value);
  }

  run(variables: Variables): Run {
    const read = (slot: number) => this.#read(variables, slot);
    const evaluation = new Evaluation(this.#slotCount, read, this.#patterns);
    const outcome = this.#outcome(evaluation);
    return { outcome, cost: evaluation.cost };
  }

  #outcome(evaluation: Evaluation): Result<CelValue, EvaluationFault> {
    let value: CelValue | Failure;
    try {
      value = this.#step(evaluation);
    } catch (error) {
      if (!(error instanceof NestedTooDeeply)) throw error;
      return err({ code: "evaluation-error", message: error.message, offset: 0 });
    }
    if (evaluation.exceeded) {
      const message = `the evaluation costs more than ${costMax} units; loop over less, or over one list at a time`;
      return err({ code: "cost-exceeded", message, offset: 0 });
    }
    if (value instanceof Failure) {
      return err({ code: "evaluation-error", message: value.message, offset: Math.max(0, value.at) });
    }
    // A variable may hold something else than was declared.
    if (isWanted(value, this.#want)) return ok(value);
    const message = `the value is no ${this.#want} but ${kindOf(value)}`;
    return err({ code: "evaluation-error", message, offset: 0 });
  }

  #read(variables: Variables, slot: number): CelValue | undefined {
    const declared = this.#variables[slot];
    if (declared === undefined) return undefined;
    const [name, shape] = declared;
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    return value === undefined ? undefined : fromJson(value, shape);
  }
}
