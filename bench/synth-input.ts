import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { renderStrategy, type StrategyInput } from "#charts/render.ts";
import type { EffectiveStrategy } from "#core/effective.ts";
import { type EnvironmentDocument, parseEnvironment } from "#core/environment.ts";
import { assert } from "#core/result.ts";

const text = 'export default class Algorithm {\n  initialize() {\n    return ["quotes"];\n  }\n  event() {}\n}\n';

export function readPaper(): EnvironmentDocument {
  const file = "policies/environments/paper.yaml";
  const { document } = parseEnvironment(file, readFileSync(join(import.meta.dirname, "..", file), "utf8"));
  assert(document !== undefined, `${file} is not valid`);
  return document;
}

export function strategyName(index: number): string {
  return `s${String(index).padStart(5, "0")}`;
}

export function strategyInput(index: number): StrategyInput {
  const effective: EffectiveStrategy = {
    team: "bench",
    name: strategyName(index),
    environment: "paper",
    owner: "bench",
    algorithm: { kind: "entry", entry: "algorithm.ts", runtime: "node" },
    running: true,
    channels: ["quotes"],
    publishes: ["signal"],
    params: { fast: 10, slow: 30 },
    portfolio: { startingCash: "10000", sizing: { use: "fixed-fraction", fraction: "0.1" } },
    limits: {
      instruments: ["AAPL"],
      venues: ["paper"],
      maxOrderNotional: "2000",
      maxPositionNotional: "5000",
      orderRate: "10/1s",
      maxDrawdown: "0.5",
    },
    resources: { cpu: "100m", memory: "128Mi", state: "64Mi" },
    errorPolicy: "halt",
  };
  return { effective, bundle: { kind: "module", text, sha256: createHash("sha256").update(text).digest("hex") } };
}

/** One strategy's objects, as the peers get them: the same text with another name in it. */
export function sampleManifests(): string {
  return [...renderStrategy(strategyInput(0), readPaper()).values()].join("---\n");
}
