import type { AdmissionPolicy } from "#charts/admission-object.ts";
import { compileExpression, type Program, type TypeShape } from "#core/cel/compile.ts";
import type { JsonObject, JsonValue } from "#core/json.ts";
import { assert } from "#core/result.ts";

export interface AdmissionRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly object?: JsonObject;
  readonly oldObject?: JsonObject;
  readonly username?: string;
}

export interface Decision {
  /** Whether the policy judges the request at all. */
  readonly applies: boolean;
  /** The messages of the validations that fail, or cannot be evaluated. */
  readonly denied: readonly string[];
}

/** An admission policy on the engine that the gate uses: what the API server would say, without one. */
export function admissionEngine(policy: AdmissionPolicy): (request: AdmissionRequest) => Decision {
  const shapes = new Map<string, TypeShape>([
    ["object", "dyn"],
    ["oldObject", "dyn"],
    ["request", "dyn"],
    ["variables", "dyn"],
  ]);
  const compile = (expression: string, want: "bool" | "string" | "dyn"): Program => {
    const program = compileExpression(expression, { variables: shapes }, want);
    assert(program.ok, `${policy.name}: ${JSON.stringify(program.ok ? "" : program.error)} in ${expression}`);
    return program.value;
  };
  const conditions = policy.conditions.map(({ expression }) => compile(expression, "bool"));
  const variables = policy.variables.map(({ name, expression }) => {
    const value = longSet(expression);
    return value === undefined ? { name, program: compile(expression, "dyn") } : { name, value };
  });
  const validations = policy.validations.map(({ expression, message, messageExpression }) => ({
    program: compile(expression, "bool"),
    message,
    text: messageExpression === undefined ? undefined : compile(messageExpression, "string"),
  }));
  return ({ operation, object, oldObject, username = "someone" }) => {
    const given = {
      object: object ?? null,
      oldObject: oldObject ?? null,
      request: { operation, userInfo: { username } },
    };
    const asked = conditions.map((condition) => condition.evaluate({ ...given, variables: {} }));
    // A condition that fails to be evaluated denies, as `failurePolicy: Fail` says; one that is false ends it before that.
    if (asked.some((answer) => answer.ok && answer.value === false)) return { applies: false, denied: [] };
    if (asked.some((answer) => !answer.ok)) return { applies: true, denied: ["a condition cannot be evaluated"] };
    const known: { [name: string]: JsonValue } = {};
    for (const { name, program, value } of variables) {
      const answer = program?.evaluate({ ...given, variables: known });
      // Who reads one that failed fails too.
      if (value !== undefined) known[name] = value;
      else if (answer?.ok === true) known[name] = answer.value as JsonValue;
    }
    const denied = validations.flatMap(({ program, message, text }) => {
      const answer = program.evaluate({ ...given, variables: known });
      if (answer.ok && answer.value === true) return [];
      const said = text?.evaluate({ ...given, variables: known });
      return [said?.ok === true ? String(said.value) : message];
    });
    return { applies: true, denied };
  };
}

/** The engine takes no expression as long as a list of a thousand names; there is nothing to evaluate in one. */
function longSet(expression: string): JsonObject | undefined {
  if (expression.length < 4000) return undefined;
  assert(/^\{(?:'[^'\\]*': true(?:, |\}$))+$/.test(expression), "a long expression is a set of names");
  return Object.fromEntries([...expression.matchAll(/'([^']*)': true/g)].map(([, name = ""]) => [name, true]));
}
