import type { HaltTarget } from "#core/halt.ts";
import type { Finding } from "#core/refusal.ts";
import { nearest } from "#core/suggest.ts";
import { type CommandContext, finding } from "./context.ts";
import { openSite } from "./site.ts";

/** What to say to whoever names a strategy that main does not have; undefined of one that it has, of teams, and where main cannot be read. */
export async function unknownStrategy(context: CommandContext, target: HaltTarget): Promise<Finding | undefined> {
  const site = target.includes("/") ? await openSite(context) : undefined;
  if (site?.ok !== true) return undefined;
  const { mainRef, strategiesOf } = await import("#delivery/names.ts");
  const { readCommit } = await import("#delivery/tree.ts");
  const main = await site.value.repository.resolve(mainRef);
  const known = main === undefined ? [] : strategiesOf([...(await readCommit(site.value.repository, main)).keys()]);
  if (new Set<string>(known).has(target)) return undefined;
  const near = nearest(target, known);
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  return finding(
    "strategy-unknown",
    `main has no strategy ${target}, so nothing was done to any${meant}`,
    near === undefined ? "slipway status lists the strategies" : `say it again of ${near}`,
  );
}
