import type { HaltDocument, HaltScope, HaltVerb } from "./halt.generated.ts";
import { parseStrategyId, parseTeam, type StrategyId, splitStrategyId } from "./identity.ts";
import type { Parsed } from "./parse.ts";
import { err, ok, type Result, unreachable } from "./result.ts";
import { invisible } from "./visible.ts";

export type { HaltDocument, HaltScope, HaltVerb } from "./halt.generated.ts";

/** Of one environment, as commands and the gateway name it: `all`, a team, or `<team>/<name>`. */
export type HaltTarget = string & { readonly __brand: "HaltTarget" };

/** A halt as the gateway holds it, whether it came over the bus or from Git. */
export interface Halt {
  readonly id: string;
  readonly verb: HaltVerb;
  readonly target: HaltTarget;
  readonly by: string;
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface TargetMalformed {
  readonly code: "target-malformed";
  readonly text: string;
  readonly allowed: string;
}

/** Parses what the command line takes: `all`, `team/NAME` or `<team>/<name>`. */
export function parseTargetArgument(text: string): Result<HaltTarget, TargetMalformed> {
  const team = /^team\/(.+)$/.exec(text)?.[1];
  const good = team === undefined ? text === "all" || parseStrategyId(text).ok : parseTeam(team).ok;
  return good ? ok((team ?? text) as HaltTarget) : malformed(text);
}

/** Parses what travels on the bus: `all`, a team, or `<team>/<name>`. */
export function parseTarget(text: string): Result<HaltTarget, TargetMalformed> {
  const good = text === "all" || (text.includes("/") ? parseStrategyId(text).ok : parseTeam(text).ok);
  return good ? ok(text as HaltTarget) : malformed(text);
}

function malformed(text: string): Result<never, TargetMalformed> {
  return err({ code: "target-malformed", text, allowed: "<team>/<name>, team/<team>, or all" });
}

/** For people, and what the command line takes again. */
export function formatTarget(target: HaltTarget): string {
  return target === "all" || target.includes("/") ? target : `team/${target}`;
}

export function isTargeted(target: HaltTarget, strategy: StrategyId): boolean {
  const names: readonly string[] = ["all", splitStrategyId(strategy).team, strategy];
  return names.includes(target);
}

export function targetOf(scope: HaltScope): HaltTarget {
  if ("strategy" in scope) return scope.strategy as HaltTarget;
  return ("team" in scope ? scope.team : "all") as HaltTarget;
}

/** The halts of an environment, by name; what could not be read is none. */
export function haltsIn(halts: ReadonlyMap<string, Parsed<HaltDocument>>, environment: string): readonly Halt[] {
  const found: Halt[] = [];
  for (const [id, { document }] of [...halts].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (document === undefined || document.spec.scope.environment !== environment) continue;
    const { verb, scope, by, reason, at } = document.spec;
    found.push({ id, verb, target: targetOf(scope), by, reason, atMs: Date.parse(at) });
  }
  return found;
}

const strictness = ["reduce", "halt", "flatten"] as const satisfies readonly HaltVerb[];

/** More is stricter: `flatten` halts too, and `halt` lets nothing through that `reduce` does not. */
export function strictnessOf(verb: HaltVerb): number {
  return strictness.indexOf(verb);
}

/** The strictest halt that a strategy is under, the oldest of equals; undefined if it is under none. */
export function haltOf(halts: Iterable<Halt>, strategy: StrategyId): Halt | undefined {
  let found: Halt | undefined;
  for (const halt of halts) {
    if (!isTargeted(halt.target, strategy)) continue;
    const stricter = found === undefined ? 1 : strictnessOf(halt.verb) - strictnessOf(found.verb);
    if (found === undefined || stricter > 0 || (stricter === 0 && halt.atMs < found.atMs)) found = halt;
  }
  return found;
}

/** `halted`, `reducing`, `flattened` */
export function describeVerb(verb: HaltVerb): string {
  switch (verb) {
    case "halt":
      return "halted";
    case "reduce":
      return "reducing";
    case "flatten":
      return "flattened";
    default:
      return unreachable(verb);
  }
}

/** The file that keeps a halt in Git. */
export function haltText(halt: Halt, environment: string): string {
  const whom =
    halt.target === "all" ? "strategies: all" : `${halt.target.includes("/") ? "strategy" : "team"}: ${halt.target}`;
  const at = new Date(Math.floor(halt.atMs / 1000) * 1000).toISOString().replace(".000Z", "Z");
  return [
    "# yaml-language-server: $schema=../../schemas/halt.schema.json",
    "# Written by Slipway. The gateway holds it until this file is gone: slipway resume proposes that.",
    "apiVersion: slipway.dev/v1",
    "kind: Halt",
    `metadata: { name: ${halt.id} }`,
    "spec:",
    `  verb: ${halt.verb}`,
    `  scope: { environment: ${environment}, ${whom} }`,
    // JSON's strings are YAML's.
    `  by: ${JSON.stringify(plainText(halt.by, 100))}`,
    `  reason: ${JSON.stringify(plainText(halt.reason, 500))}`,
    `  at: ${JSON.stringify(at)}`,
    "",
  ].join("\n");
}

/** A foreign text as a document may hold it: one line, all of it visible, not empty. */
export function plainText(text: string, lengthMax: number): string {
  const line = text.replace(/\s+/g, " ").replace(invisible, "?").trim().slice(0, lengthMax).trim();
  return line === "" ? "not said" : line;
}
