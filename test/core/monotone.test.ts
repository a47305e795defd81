import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BoundName, boundNames, isWithin } from "#core/bounds.ts";
import { compareStrategies, isTightening, type StrategyState } from "#core/direction.ts";
import { boundsFor, noPolicies, type Policies, teamMayRun, totalsFor } from "#core/policies.ts";
import { checkPolicies } from "#core/policy-checks.ts";
import { comparePolicies } from "#core/policy-direction.ts";
import type { TeamsDocument } from "#core/teams.ts";
import { paper } from "../charts/inputs.ts";
import {
  bounds,
  dictionary,
  environment,
  grafted,
  parsed,
  policiesOf,
  reread,
  strategy,
  teams,
  waiver,
} from "./random-policies.ts";

describe("monotone", () => {
  const sma = { team: "momentum", name: "sma" };
  const all = policiesOf({
    environments: environment.map((paper) => ({ paper })),
    teams: fc.option(teams, { nil: undefined }),
    waivers: dictionary(waiver),
  });
  /** A policy and one that differs in a few documents or in a few fields, so that tighter ones are frequent. */
  const pairs = fc
    .tuple(
      all,
      all,
      fc.oneof(
        fc.record({ environments: fc.boolean(), teams: fc.boolean(), waivers: fc.boolean() }),
        fc.array(fc.nat(30), { minLength: 1, maxLength: 9 }),
      ),
    )
    .map(([before, other, take]): readonly [Policies, Policies] => {
      if (Array.isArray(take)) return [before, reread(grafted(before, other, take) as Policies)];
      return [
        before,
        {
          ...before,
          ...(take.environments ? { environments: other.environments } : {}),
          ...(take.teams ? { teams: other.teams } : {}),
          ...(take.waivers ? { waivers: other.waivers } : {}),
        },
      ];
    });

  test("a tighter policy allows nothing that the looser one did not", () => {
    let compared = 0;
    fc.assert(
      fc.property(pairs, ([before, after]) => {
        if (!isTightening(comparePolicies(before, after))) return;
        // What the gate refuses to load holds for nobody.
        if (
          [before, after].some((one) =>
            checkPolicies(one).some(({ code }) => code.startsWith("waiver-") || code === "bound-looser"),
          )
        )
          return;
        compared += 1;
        for (const seconds of [0, Date.parse("2026-12-02T00:00:00Z") / 1000]) {
          const [old, now] = [boundsFor(before, "paper", sma, seconds), boundsFor(after, "paper", sma, seconds)];
          if (old === undefined || now === undefined) throw new Error("the environment is there");
          // Of a team that may not run everything is refused, whatever its bounds, and what ran stands still with the limits it had.
          if (teamMayRun(after, sma.team, "paper") === true)
            for (const name of boundNames)
              expect([name, isWithin(name, old[name].value, now[name].value)]).toEqual([name, true]);
        }
        for (const team of ["momentum", "seed", "nobody"]) {
          for (const where of ["paper", "live"])
            expect(teamMayRun(after, team, where) && !teamMayRun(before, team, where)).toBe(false);
          const [old, now] = [totalsFor(before, "paper", team), totalsFor(after, "paper", team)];
          expect(now !== undefined).toBe(teamMayRun(after, team, "paper"));
          if (now === undefined) continue;
          for (const name of ["cpu", "memory", "state"] as const)
            expect([name, isWithin(name, old?.[name].value ?? "0", now[name].value)]).toEqual([name, true]);
          expect(now.strategies.value).toBeLessThanOrEqual(old?.strategies.value ?? 0);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  test("a team that loses an environment loses its totals there, and has none of the others'", () => {
    const listed = (momentum: TeamsDocument["spec"]["teams"][string]["environments"] | undefined): Policies => ({
      ...noPolicies,
      environments: new Map([["paper", parsed("policies/environments/paper.yaml", paper)]]),
      teams: parsed("policies/teams.yaml", {
        apiVersion: "slipway.dev/v1",
        kind: "Teams",
        metadata: { name: "teams" },
        spec: { teams: momentum === undefined ? {} : { momentum: { members: [], environments: momentum } } },
      }),
    });
    const [before, after] = [listed({ paper: { totals: { state: "64Mi" } } }), listed({})];
    expect(comparePolicies(before, after)).toMatchObject([
      { field: "teams.momentum.environments.paper", before: "allowed", after: undefined, direction: "tighter" },
    ]);
    expect(totalsFor(before, "paper", "momentum")).toMatchObject({ state: { value: "64Mi" }, cpu: { value: "4" } });
    for (const without of [after, listed(undefined)]) expect(totalsFor(without, "paper", "momentum")).toBeUndefined();
  });

  test("a tighter strategy stays within every bound that the looser one kept to", () => {
    const at = (effective: StrategyState["effective"], name: BoundName) =>
      name === "rpcAddresses" ? [] : { ...effective.limits, ...effective.resources }[name];
    let compared = 0;
    fc.assert(
      fc.property(strategy, strategy, bounds, (before, after, allowed) => {
        if (before === undefined || after === undefined || !isTightening(compareStrategies(before, after))) return;
        compared += 1;
        for (const name of boundNames)
          if (isWithin(name, allowed[name], at(before.effective, name)))
            expect(isWithin(name, allowed[name], at(after.effective, name))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(compared).toBeGreaterThan(0);
  });
});
