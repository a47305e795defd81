import { type BoundName, boundNames } from "#core/bounds.ts";
import { defaultNames } from "#core/environment.ts";
import type { EnvironmentPolicy } from "#core/environment-policy.ts";
import type { JsonValue } from "#core/json.ts";
import { boundVariables } from "./admission-bounds.ts";
import { subject } from "./admission-spec.ts";
import { type CelVariable, celLiteral, celSet, celString, celTyped } from "./cel.ts";
import { type CelPath, rewriteCel, variableName } from "./cel-rewrite.ts";

// A rule over the spec, over the ConfigMap of the effective spec: each field that the rule names is a text there, and what the rule sees beside
// the spec is known when the policies are rendered.

/** A field that a rule uses. */
interface Use {
  /** What stands in its place. */
  readonly expression: string;
  readonly variables: (policy: EnvironmentPolicy) => readonly CelVariable[];
}

export interface SpecRewrite {
  readonly text: string;
  readonly uses: readonly Use[];
}

const none = (): readonly CelVariable[] => [];

const texts = [
  "owner",
  "onError",
  "limits.maxOrderNotional",
  "limits.maxPositionNotional",
  "limits.orderRate",
  "limits.maxDrawdown",
  "resources.cpu",
  "resources.memory",
  "resources.state",
  "portfolio.startingCash",
  "portfolio.sizing.use",
];
/** Those that a spec may leave out; `has()` asks for them. */
const optionalTexts = [
  "algorithm.entry",
  "algorithm.runtime",
  "algorithm.rpc",
  "portfolio.sizing.fraction",
  "portfolio.sizing.cash",
  "portfolio.sizing.target",
  "portfolio.sizing.lookback",
  "portfolio.sizing.file",
  "portfolio.guard.drawdown",
  "portfolio.guard.ordersPerEvent",
  "portfolio.guard.file",
];
const lists = ["limits.instruments", "limits.venues", "channels", "publishes"];
const environmentTexts = ["name", "owner"];

/** The rule's expression, or its message, over the ConfigMap; or why it cannot be. */
export function rewriteSpecRule(text: string): SpecRewrite | { readonly reason: string } {
  const uses: Use[] = [];
  const rewritten = rewriteCel(text, ({ path, asks }) => {
    const [root] = path ?? [];
    if (path === undefined || root === undefined || !["spec", "metadata", "team", "environment"].includes(root))
      return undefined;
    if (asks) return presenceOf(path);
    const use = useOf(path);
    if (use === undefined) return path.length > 4 ? undefined : { reason: reasonOf(path) };
    if ("reason" in use) return use;
    uses.push(use);
    return use.expression;
  });
  return "reason" in rewritten ? rewritten : { ...rewritten, uses };
}

function reasonOf(path: CelPath): string {
  const field = path.join(".");
  if (field.startsWith("spec.params")) return "parameters may be any JSON, of which the ConfigMap has no texts";
  if (field.startsWith("spec.retire")) return "the effective spec in the cluster does not say it";
  return `it uses ${field} as a whole`;
}

function presenceOf(path: CelPath): string | { readonly reason: string } {
  const field = path.slice(1).join(".");
  if (path[0] !== "spec") return "true";
  if (optionalTexts.includes(field)) return `(${celString(field)} in variables.data)`;
  if (texts.includes(field) || lists.includes(field) || field === "running") return "true";
  return { reason: reasonOf(path) };
}

function useOf(path: CelPath): Use | { readonly reason: string } | undefined {
  const [root, ...rest] = path;
  const field = rest.join(".");
  switch (root) {
    case "spec":
      return specField(field, path);
    case "metadata":
      if (field === "team") return { expression: "variables.team", variables: none };
      return field === "name" ? { expression: "variables.strategy.split('/')[1]", variables: none } : undefined;
    case "team":
      return teamField(field);
    default:
      return environmentField(field);
  }
}

function specField(field: string, path: CelPath): Use | { readonly reason: string } | undefined {
  const text = `variables.data[${celString(field)}]`;
  if (texts.includes(field) || optionalTexts.includes(field)) return { expression: text, variables: none };
  if (field === "running") return { expression: `(${text} == 'true')`, variables: none };
  // A list of none is an empty text.
  if (lists.includes(field)) return { expression: `(${text} == '' ? [] : ${text}.split(','))`, variables: none };
  return field.startsWith("params") || field.startsWith("retire") ? { reason: reasonOf(path) } : undefined;
}

function teamField(field: string): Use | undefined {
  switch (field) {
    case "name":
      return { expression: "variables.team", variables: none };
    case "listed":
      return {
        expression: "(variables.team in variables.teamListed)",
        variables: ({ teams }) => [{ name: "teamListed", expression: celSet(Object.keys(teams)) }],
      };
    case "members":
      return {
        expression: "variables.teamMembers",
        variables: ({ teams }) => {
          const listed = Object.entries(teams).filter(([, { members }]) => members.length > 0);
          const all = celLiteral(Object.fromEntries(listed.map(([team, { members }]) => [team, members])));
          const expression = `variables.team in variables.teams ? variables.teams[variables.team] : []`;
          return [
            // An empty literal has no type.
            { name: "teams", expression: listed.length === 0 ? "false ? {'': ['']} : {}" : all },
            { name: "teamMembers", expression },
          ];
        },
      };
    default:
      return undefined;
  }
}

function environmentField(field: string): Use | undefined {
  if (field === "embedded") return literal(["environment", field], ({ document }) => document.spec.embedded === true);
  if (environmentTexts.includes(field)) {
    return literal(["environment", field], ({ document }) =>
      field === "name" ? document.metadata.name : document.spec.owner,
    );
  }
  const [group, name] = field.split(".");
  const fallback = defaultNames.find((known) => known === name);
  if (group === "defaults" && fallback !== undefined)
    return literal(["environment", group, fallback], ({ document }) => document.spec.defaults[fallback]);
  const bound = boundNames.find((known) => known === name);
  return group === "bounds" && bound !== undefined ? boundField(bound) : undefined;
}

function literal(path: CelPath, read: (policy: EnvironmentPolicy) => JsonValue): Use {
  const name = variableName(path);
  return {
    expression: `variables.${name}`,
    variables: (policy) => [{ name, expression: celTyped(read(policy)) }],
  };
}

/** The bound as it holds for the strategy: narrowed by its team, lifted by its waivers. */
function boundField(bound: BoundName): Use {
  const path = ["environment", "bounds", bound];
  return {
    expression: `variables.${variableName(path)}`,
    variables: ({ bounds }) => boundVariables(bounds, bound, variableName(path), subject),
  };
}
