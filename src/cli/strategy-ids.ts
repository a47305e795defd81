import { existsSync, realpathSync } from "node:fs";
import { relative, resolve, sep } from "node:path";
import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { strategyMalformed } from "./site.ts";

/** From where names are read that are paths. */
export interface NamedFrom {
  /** Where the command was called. */
  readonly cwd: string;
  /** Real absolute path of the repository. */
  readonly checkout: string;
}

/** Names of strategies, or their folders or specs: from the repository, as a shell completes them, or absolute. */
export function parseIds(
  names: readonly string[],
  from: NamedFrom,
):
  | { readonly ok: true; readonly ids: readonly StrategyId[] }
  | { readonly ok: false; readonly findings: readonly Finding[] } {
  const ids: StrategyId[] = [];
  const findings: Finding[] = [];
  for (const name of names) {
    const path = isPath(name) ? fromRepository(name, from) : name.replace(/^\.\//, "");
    const id = parseStrategyId(path.replace(/^strategies\//, "").replace(/\/(?:strategy\.yaml)?$/, ""));
    if (!id.ok) findings.push(strategyMalformed({ ...id.error, text: name }));
    else if (!ids.includes(id.value)) ids.push(id.value);
  }
  return findings.length > 0 ? { ok: false, findings } : { ok: true, ids };
}

/** `./strategies/…` is said from the repository's root, wherever the command is called. */
function isPath(name: string): boolean {
  if (name.startsWith("./strategies/")) return false;
  return name.startsWith("/") || /^\.\.?(?:\/|$)/.test(name) || name === "strategy.yaml";
}

/** The path from the repository's root; as it was given if it leads elsewhere. */
function fromRepository(name: string, { cwd, checkout }: NamedFrom): string {
  const path = resolve(cwd, name);
  const inside = relative(checkout, existsSync(path) ? realpathSync(path) : path);
  return inside.startsWith(`..${sep}`) ? name : inside;
}
