import type { JsonObject } from "../json.ts";
import type { RuleDocument } from "../rule.generated.ts";
import { exampleObjects } from "./example-objects.ts";
import { type FleetStrategy, fleetJson } from "./fleet.ts";
import type { RuleVariables } from "./variables.ts";

// What samples are laid over. It is part of the format: a change here can turn samples that people have written.

const limits = {
  instruments: ["AAPL", "MSFT"],
  venues: ["paper"],
  maxOrderNotional: "1000",
  maxPositionNotional: "5000",
  orderRate: "10/1s",
  maxDrawdown: "0.2",
};
const resources = { cpu: "100m", memory: "128Mi", state: "64Mi" };
const algorithm = { entry: "algorithm.ts", runtime: "node" };
const portfolio = { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "0.1" } };

const bounds = {
  instruments: ["AAPL", "AMZN", "GOOG", "IBM", "MSFT"],
  venues: ["paper"],
  maxOrderNotional: "5000",
  maxPositionNotional: "20000",
  orderRate: "20/1s",
  maxDrawdown: "0.5",
  cpu: "1",
  memory: "256Mi",
  state: "256Mi",
  rpcAddresses: [],
};

const environment = {
  name: "paper",
  embedded: false,
  owner: "platform",
  bounds,
  defaults: {
    venues: ["paper"],
    maxOrderNotional: "1000",
    maxPositionNotional: "5000",
    orderRate: "10/1s",
    maxDrawdown: "0.2",
    ...resources,
  },
};

const team = { name: "desk", listed: true, members: ["alice", "bob"] };

const spec = {
  owner: "alice",
  algorithm,
  channels: ["quotes"],
  publishes: ["signal"],
  params: { fast: 10, slow: 30 },
  portfolio,
  limits,
  resources,
  running: true,
  onError: "halt",
  retire: "flatten",
};

/** What one strategy of a sample's fleet is laid over. */
export const exampleFleetStrategy: FleetStrategy = {
  id: "desk/example",
  name: "example",
  team: "desk",
  owner: "alice",
  running: true,
  limits,
  resources,
  algorithm,
  portfolio,
  channels: ["quotes"],
};

const other: FleetStrategy = { ...exampleFleetStrategy, id: "desk/other", name: "other", owner: "bob" };

/** The sums of a sample's fleet, made as those of a real one are. */
export function exampleFleet(strategies: readonly FleetStrategy[]): JsonObject {
  return fleetJson(strategies, (name) => ({ ...team, name }));
}

/**
 * The plain example that a rule's samples are laid over.
 *
 * @param kind of the object, for a rule over objects
 */
export function exampleVariables(over: RuleDocument["spec"]["over"], kind: keyof typeof exampleObjects): RuleVariables {
  switch (over) {
    case "spec":
      return { spec, metadata: { name: "example", team: "desk" }, team, environment };
    case "fleet":
      return { fleet: exampleFleet([exampleFleetStrategy, other]), environment };
    case "object": {
      const { name, embedded } = environment;
      return { object: exampleObjects[kind], environment: { name, embedded, bounds } };
    }
  }
}
