import type { Overview } from "#console/overview.ts";
import { parseEnvironment } from "#core/environment.ts";
import type { Finding } from "#core/refusal.ts";
import { err, ok, type Result } from "#core/result.ts";
import { parseStrategy } from "#core/strategy.ts";
import { environmentsOf } from "#delivery/fleet.ts";
import { mainRef, treePath } from "#delivery/names.ts";
import type { CommitSha, Repository } from "#git/port.ts";
import { finding } from "./context.ts";
import { embeddedEnvironment } from "./site.ts";

export interface KnownEnvironment {
  readonly name: string;
  readonly embedded: boolean;
}

/** The environments of main's policies: the one that `slipway up` runs first, the others by name. */
export async function readEnvironments(repository: Repository): Promise<readonly KnownEnvironment[]> {
  const main = await repository.resolve(mainRef);
  if (main === undefined) return [];
  const paths = [...(await repository.list(main, "policies/environments")).keys()];
  const files = await repository.readPaths(paths.map((path) => ({ tree: main, path })));
  const known = paths.flatMap((path, index) => {
    const name = /^policies\/environments\/([a-z][a-z0-9]*)\.yaml$/.exec(path)?.[1];
    if (name === undefined) return [];
    const { document } = parseEnvironment(path, new TextDecoder().decode(files[index]));
    return [{ name, embedded: document?.spec.embedded === true }];
  });
  const rank = ({ name }: KnownEnvironment): string => (name === embeddedEnvironment ? "" : name);
  return known.sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** The one that a person named, or all that an embedded cluster may run. */
export function chooseEnvironments(
  known: readonly KnownEnvironment[],
  named: string | undefined,
): Result<readonly string[], Finding> {
  const names = known.map(({ name }) => name);
  if (named === undefined) {
    const embedded = known.filter((one) => one.embedded).map(({ name }) => name);
    return ok(embedded.length === 0 ? [embeddedEnvironment] : embedded);
  }
  if (names.includes(named)) return ok([named]);
  const message = `there is no environment ${JSON.stringify(named)}; main's policies have ${names.join(", ") || "none"}`;
  return err(finding("environment-unknown", message, "name one of them with --environment"));
}

/**
 * The overview without the strategies that are not in its environment: neither named there by their spec, on main or else in the open proposal
 * that brings it, nor on its branch. One whose spec names no known environment is shown in each: it has to be seen somewhere.
 */
export async function withinEnvironment(
  repository: Repository,
  known: readonly KnownEnvironment[],
  overview: Overview,
): Promise<Overview> {
  const waiting = overview.rows.filter(({ stage }) => stage === "proposed" || stage === "merged");
  const named = await namedBySpecs(
    repository,
    overview,
    waiting.map(({ strategy }) => strategy),
  );
  const isElsewhere = (strategy: string): boolean => {
    const names = (named.get(strategy) ?? []).filter((name) => known.some((one) => one.name === name));
    return names.length > 0 && !names.includes(overview.environment);
  };
  const elsewhere = new Set(waiting.filter(({ strategy }) => isElsewhere(strategy)).map(({ strategy }) => strategy));
  return { ...overview, rows: overview.rows.filter(({ strategy }) => !elsewhere.has(strategy)) };
}

/** The environments in each strategy's spec; without those that cannot be read. */
async function namedBySpecs(
  repository: Repository,
  { main, proposals }: Overview,
  strategies: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const wanted = strategies.flatMap((strategy) => {
    const open = proposals.filter((one) => one.state === "open" && one.strategies.includes(strategy));
    const path = treePath(`strategies/${strategy}/strategy.yaml`);
    return [main, ...open.map(({ head }) => head)]
      .filter((tree) => tree !== null)
      .map((tree) => ({ strategy, path, tree: tree as CommitSha }));
  });
  const files = wanted.length === 0 ? [] : await repository.readPaths(wanted);
  const named = new Map<string, readonly string[]>();
  for (const [index, { strategy, path }] of wanted.entries()) {
    const bytes = files[index];
    if (bytes === undefined || named.has(strategy)) continue;
    const { document } = parseStrategy(path, new TextDecoder().decode(bytes));
    if (document !== undefined) named.set(strategy, environmentsOf(document));
  }
  return named;
}
