import type { BoundTable } from "#core/bound-table.ts";
import { type BoundName, limitNames } from "#core/bounds.ts";
import { boundExpression, namesNothingTwice, type Subject } from "./admission-bounds.ts";
import { type AdmissionPolicy, type Validation, whenDataChanges } from "./admission-object.ts";
import { type CelVariable, celString } from "./cel.ts";

export interface BoundsProps {
  readonly environment: string;
  /** With what held strategies keep. */
  readonly bounds: BoundTable;
  /** The set of strategies (`<team>/<name>`) that today's policies refuse: they keep what they had and stand still. A literal of CEL. */
  readonly held: string;
}

const configMaps = { group: "", version: "v1", names: ["configmaps"], operations: ["CREATE", "UPDATE"] } as const;

/** Every bound of a spec, at the key of the effective spec that has its name. */
const specKeys: readonly (readonly [key: string, bound: BoundName])[] = [
  ["limits.instruments", "instruments"],
  ["limits.maxDrawdown", "maxDrawdown"],
  ["limits.maxOrderNotional", "maxOrderNotional"],
  ["limits.maxPositionNotional", "maxPositionNotional"],
  ["limits.orderRate", "orderRate"],
  ["limits.venues", "venues"],
  ["resources.cpu", "cpu"],
  ["resources.memory", "memory"],
  ["resources.state", "state"],
  ["algorithm.rpc", "rpcAddresses"],
];

/** The team of the namespace, and the strategy `<team>/<name>`; `name` is an expression. */
export function subjectVariables(environment: string, name: string): readonly CelVariable[] {
  const suffix = `-${environment}`.length;
  return [
    {
      name: "team",
      expression: `object.metadata.namespace.substring(0, object.metadata.namespace.size() - ${suffix})`,
    },
    { name: "strategy", expression: `variables.team + '/' + ${name}` },
  ];
}

export const subject: Subject = { strategy: "variables.strategy", team: "variables.team", inLoop: false };

/** The effective spec of a strategy: every ConfigMap that has the name of one, whatever its labels say. */
export function specBounds({ environment, bounds, held }: BoundsProps): AdmissionPolicy {
  const variables: CelVariable[] = [
    ...subjectVariables(environment, "object.metadata.name.substring(0, object.metadata.name.size() - 5)"),
    { name: "held", expression: held },
    { name: "data", expression: "has(object.data) ? object.data : {}" },
  ];
  const validations: Validation[] = [onlyTexts];
  for (const [key, name] of specKeys) {
    const variable = `own${name[0]?.toUpperCase()}${name.slice(1)}`;
    variables.push({ name: variable, expression: textAt(key) });
    const text = `variables.${variable}`;
    const { variables: more, holds, words } = boundExpression(bounds, name, subject, environment);
    variables.push(...more);
    // Only an algorithm that runs elsewhere has an address.
    const absent = name === "rpcAddresses" ? `!('algorithm.rpc' in variables.data) || ` : "";
    validations.push({
      expression: `${absent}${holds(text)}`,
      message: `${key} is missing, malformed or above the bound of ${environment}`,
      messageExpression: `${celString(`${key} is `)} + (${text} == '' ? 'missing' : ${text} + ${words(text)})`,
    });
  }
  validations.push(
    ...["instruments", "venues"].map((name) => ({
      expression: namesNothingTwice(`variables.own${name[0]?.toUpperCase()}${name.slice(1)}`),
      message: `limits.${name} names something twice`,
    })),
    {
      expression: "!quantity(variables.ownMaxOrderNotional).isGreaterThan(quantity(variables.ownMaxPositionNotional))",
      message: "limits.maxOrderNotional is above limits.maxPositionNotional: no such order could fill",
    },
    ...standsStill("'running' in variables.data && variables.data['running'] in ['true', 'false']", textAt("running")),
  );
  return {
    name: "bounds-spec",
    environment,
    reach: "teams",
    resources: [configMaps],
    conditions: [{ name: "spec", expression: "object.metadata.name.endsWith('-spec')" }, whenDataChanges],
    variables,
    validations,
    denies: true,
  };
}

const onlyTexts: Validation = {
  expression: "!has(object.binaryData)",
  message: "it has binary data, which would stand beside the limits and be judged by nobody",
};

function textAt(key: string): string {
  return `${celString(key)} in variables.data ? variables.data[${celString(key)}] : ''`;
}

function standsStill(known: string, running: string): readonly Validation[] {
  return [
    { expression: known, message: "running must be true or false" },
    {
      expression: `!(variables.strategy in variables.held) || (${running}) == 'false'`,
      message: "today's policies refuse this strategy: it keeps its limits only while running is false",
    },
  ];
}

/** The keys of a shard's entry in their order, which is that of canonical JSON. */
const entryKeys = [
  "limits.instruments",
  "limits.maxDrawdown",
  "limits.maxOrderNotional",
  "limits.maxPositionNotional",
  "limits.orderRate",
  "limits.venues",
  "running",
  "startingCash",
  "strategy",
] as const;

/** An entry's value `{"a":"1","b":"2"}`, split at its quotes, has its values at every fourth place. */
function at(key: (typeof entryKeys)[number]): string {
  return `entry[${entryKeys.indexOf(key) * 4 + 3}]`;
}

/** What the gateway reads: every entry of every shard, so that nobody can lift a limit by hand where it is enforced. */
export function gatewayBounds({ environment, bounds, held }: BoundsProps): AdmissionPolicy {
  const subjectOfEntry = { strategy: at("strategy"), team: `${at("strategy")}.split('/')[0]`, inLoop: true };
  // What was split is put together again: if that is the same text, and no character in it is escaped, JSON has no other reading of it.
  const rebuilt = entryKeys.map(
    (key, index) => `${celString(`${index === 0 ? "{" : ","}"${key}":"`)} + ${at(key)} + '"'`,
  );
  const parts = entryKeys.length * 4 + 1;
  const isEntry = `entry.size() == ${parts} && object.data[key] == ${rebuilt.join(" + ")} + '}' && key == ${at("strategy")}.replace('/', '.')`;
  const variables: CelVariable[] = [
    { name: "held", expression: held },
    { name: "entries", expression: "has(object.data) ? object.data.map(key, object.data[key].split('\"')) : []" },
  ];
  const validations: Validation[] = [
    onlyTexts,
    {
      expression: `!has(object.data) || object.data.all(key, !object.data[key].contains('\\\\') && [object.data[key].split('"')].all(entry, ${isEntry}))`,
      message: "an entry is not the canonical text of a strategy's limits",
    },
  ];
  for (const name of limitNames) {
    const { variables: more, holds } = boundExpression(bounds, name, subjectOfEntry, environment);
    variables.push(...more);
    validations.push({
      expression: `variables.entries.all(entry, ${holds(at(`limits.${name}`))})`,
      message: `limits.${name} of a strategy is malformed or above the bound of ${environment}`,
      messageExpression: `'limits.${name} is malformed or above the bound: ' + variables.entries.filter(entry, !(${holds(at(`limits.${name}`))})).map(entry, ${at("strategy")} + ' has ' + ${at(`limits.${name}`)}).join(', ')`,
    });
  }
  validations.push({
    expression: `variables.entries.all(entry, ${at("running")} in ['true', 'false'] && (!(${at("strategy")} in variables.held) || ${at("running")} == 'false'))`,
    message: "running must be true or false, and false of a strategy that today's policies refuse",
  });
  return {
    name: "bounds-gateway",
    environment,
    reach: "platform",
    resources: [configMaps],
    conditions: [{ name: "limits", expression: "object.metadata.name.startsWith('gateway-limits-')" }, whenDataChanges],
    variables,
    validations,
    denies: true,
  };
}
