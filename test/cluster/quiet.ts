// A strategy that hears quotes and never orders, as small as one may be: for tests that need many, or none that trades.
import type { UserRepository } from "./repository.ts";

/** Writes its folder, to be deployed. @param id `team/name` */
export function writeQuiet(
  repository: UserRepository,
  id: string,
  { running, retire }: { readonly running: boolean; readonly retire?: "cancel" },
): void {
  const [team, name] = id.split("/");
  const spec = `apiVersion: slipway.dev/v1
kind: Strategy
metadata: { name: ${name}, team: ${team} }
spec:
  owner: ada
${retire === undefined ? "" : `  retire: ${retire}\n`}  algorithm: { entry: algorithm.ts, runtime: node }
  channels: [quotes]
  params: {}
  portfolio: { startingCash: "10000", sizing: { use: fixed-fraction, fraction: "0.1" } }
  limits: { instruments: [AAPL] }
  resources: { cpu: 30m, memory: 128Mi, state: 16Mi }
  environments: { paper: { running: ${running} } }
`;
  repository.write(`strategies/${id}/strategy.yaml`, spec);
  repository.write(`strategies/${id}/algorithm.ts`, algorithm);
}

const algorithm = `export default class Quiet {
  initialize() {
    return ["quotes"];
  }
  event() {
    return undefined;
  }
}
`;
