import { parseStrategyId, type StrategyId } from "#core/identity.ts";
import type { Finding } from "#core/refusal.ts";
import { strategyMalformed } from "./site.ts";

/** Names of strategies, or their folders as a shell completes them. */
export function parseIds(
  names: readonly string[],
):
  | { readonly ok: true; readonly ids: readonly StrategyId[] }
  | { readonly ok: false; readonly findings: readonly Finding[] } {
  const ids: StrategyId[] = [];
  const findings: Finding[] = [];
  for (const name of names) {
    const id = parseStrategyId(name.replace(/^(?:\.\/)?strategies\//, "").replace(/\/(?:strategy\.yaml)?$/, ""));
    if (!id.ok) findings.push(strategyMalformed({ ...id.error, text: name }));
    else if (!ids.includes(id.value)) ids.push(id.value);
  }
  return findings.length > 0 ? { ok: false, findings } : { ok: true, ids };
}
