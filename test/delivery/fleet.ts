import type { StrategyId } from "#core/identity.ts";
import type { SourceTree } from "#delivery/tree.ts";
import { checkout, paperPolicy, sma, spec, withFiles, withoutRules } from "./fixture.ts";

/** This checkout's bounds with totals wide enough and no rules, and so many strategies of one team that differ in name alone. */
export async function fleet(
  count: number,
): Promise<{ readonly workspace: SourceTree; readonly strategies: readonly StrategyId[] }> {
  const own = await checkout();
  const text = (path: string): string => new TextDecoder().decode(own.get(path)?.bytes);
  const bounds = text(paperPolicy).replace(
    /teamTotals:.*/,
    'teamTotals: { cpu: "1000", memory: 900Gi, state: 900Gi, strategies: 1000 }',
  );
  const strategies = Array.from({ length: count }, (_, index) => `momentum/wave-${index + 1}` as StrategyId);
  const code = [...own.keys()].filter((path) => path.startsWith(`strategies/${sma}/`) && path !== spec(sma));
  const files = strategies.flatMap((id) => [
    [spec(id), text(spec(sma)).replace("name: sma-cross", `name: ${id.split("/")[1]}`)],
    ...code.map((path) => [path.replace(sma, id), text(path)]),
  ]);
  const policies = new Map([...withoutRules(own)].filter(([path]) => path.startsWith("policies/")));
  return { workspace: withFiles(policies, { [paperPolicy]: bounds, ...Object.fromEntries(files) }), strategies };
}
