import { boundNames, isListBound } from "../bounds.ts";
import type { Declarations, TypeShape } from "../cel/compile.ts";
import type { RuleDocument } from "../rule.generated.ts";

/** What a rule is over: it decides which variables its expressions see. */
export type RuleOver = RuleDocument["spec"]["over"];

const strings: TypeShape = { list: "string" };

const algorithm: TypeShape = { object: { entry: "string", runtime: "string", rpc: "string" } };

const limits: TypeShape = {
  object: {
    instruments: strings,
    venues: strings,
    maxOrderNotional: "string",
    maxPositionNotional: "string",
    orderRate: "string",
    maxDrawdown: "string",
  },
};

const resources: TypeShape = { object: { cpu: "string", memory: "string", state: "string" } };

const portfolio: TypeShape = {
  object: {
    startingCash: "string",
    sizing: {
      object: {
        use: "string",
        fraction: "string",
        cash: "string",
        target: "string",
        lookback: "string",
        file: "string",
      },
    },
    guard: { object: { drawdown: "string", ordersPerEvent: "string", file: "string" } },
  },
};

const spec: TypeShape = {
  object: {
    owner: "string",
    algorithm,
    channels: strings,
    publishes: strings,
    params: { map: "dyn" },
    portfolio,
    limits,
    resources,
    running: "bool",
    onError: "string",
    retire: "string",
  },
};

const bounds: TypeShape = {
  object: Object.fromEntries(boundNames.map((name) => [name, isListBound(name) ? strings : "string"])),
};

const defaults: TypeShape = {
  object: {
    venues: strings,
    maxOrderNotional: "string",
    maxPositionNotional: "string",
    orderRate: "string",
    maxDrawdown: "string",
    cpu: "string",
    memory: "string",
    state: "string",
  },
};

const environment: TypeShape = {
  object: { name: "string", embedded: "bool", owner: "string", bounds, defaults },
};

const sums = {
  strategies: "int",
  running: "int",
  cpu: "string",
  memory: "string",
  state: "string",
  startingCash: "string",
  maxOrderNotional: "string",
  maxPositionNotional: "string",
  ordersPerMinute: "int",
} as const satisfies Readonly<Record<string, TypeShape>>;

const fleet: TypeShape = {
  object: {
    strategies: {
      list: {
        object: {
          id: "string",
          name: "string",
          team: "string",
          owner: "string",
          running: "bool",
          limits,
          resources,
          algorithm,
          portfolio,
          channels: strings,
        },
      },
    },
    totals: { object: sums },
    teams: {
      list: { object: { name: "string", listed: "bool", members: strings, totals: { object: sums } } },
    },
    owners: { list: { object: { name: "string", totals: { object: sums } } } },
    instruments: { list: { object: { name: "string", strategies: strings, maxPositionNotional: "string" } } },
    venues: {
      list: {
        object: { name: "string", strategies: strings, maxPositionNotional: "string", ordersPerMinute: "int" },
      },
    },
    names: { list: { object: { name: "string", strategies: strings } } },
  },
};

/** Literals alone: the API server gets them as constants of the compiled policy. */
const objectEnvironment: TypeShape = { object: { name: "string", embedded: "bool", bounds } };

const shapes: Readonly<Record<RuleOver, Readonly<Record<string, TypeShape>>>> = {
  spec: {
    spec,
    metadata: { object: { name: "string", team: "string" } },
    team: { object: { name: "string", listed: "bool", members: strings } },
    environment,
  },
  fleet: { fleet, environment },
  object: { object: "dyn", environment: objectEnvironment },
};

/** The variables of a rule by name, each with its shape. */
export function shapesOf(over: RuleOver): Readonly<Record<string, TypeShape>> {
  return shapes[over];
}

export function declarationsOf(over: RuleOver): Declarations {
  return { variables: new Map(Object.entries(shapes[over])) };
}
