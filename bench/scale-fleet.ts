// The fleet of the scale bench, and what is changed in it.
import type { SourceTree } from "#delivery/tree.ts";
import { edited, fleetOf, policyFile } from "./policy-fleet.ts";

export interface FleetSize {
  readonly strategies: number;
  readonly teams: number;
}

export interface Place {
  /** Where Argo CD reads the environment branch. */
  readonly repository: string;
  /** `host:port`. */
  readonly apiServer: string;
}

/** So many leave a limit to the environment's default: an edit of that moves them and nobody else. */
const followersMax = 20;
const drawdown = '    maxDrawdown: "0.6"\n';

export const specOf = (index: number, { teams }: FleetSize): string =>
  `strategies/t${index % teams}/s${index}/strategy.yaml`;

export async function scaleFleet(size: FleetSize, place: Place): Promise<SourceTree> {
  const settings = `  cluster: { repository: "${place.repository}", apiServers: ["${place.apiServer}"] }\n`;
  let tree = edited(await fleetOf(size.strategies, size.teams), policyFile, "  venues:\n", `${settings}  venues:\n`);
  for (let index = 0; index < Math.min(followersMax, size.strategies); index += 1)
    tree = edited(tree, specOf(index, size), drawdown, "");
  return tree;
}

/** Another parameter of one strategy: its ConfigMap and its pod. */
export function oneChanged(tree: SourceTree, index: number, size: FleetSize): SourceTree {
  return edited(tree, specOf(index, size), "fast: 10", "fast: 11");
}

/** Another default: those that follow it, and their lines in the gateway's limits. */
export function defaultChanged(tree: SourceTree): SourceTree {
  return edited(tree, policyFile, 'maxDrawdown: "0.2"', 'maxDrawdown: "0.3"');
}

/** Another executor: every pod of every strategy. */
export function imageChanged(tree: SourceTree): SourceTree {
  const image = (digit: string): string => `executor: "slipway/executor@sha256:${digit.repeat(64)}"`;
  return edited(tree, policyFile, image("0"), image("1"));
}
