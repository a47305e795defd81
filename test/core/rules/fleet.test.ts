import fc from "fast-check";
import { expect, test } from "vitest";
import { formatDecimal, parseDecimal } from "#core/decimal.ts";
import type { JsonObject } from "#core/json.ts";
import { exampleFleetStrategy } from "#core/rules/example.ts";
import { type FleetStrategy, fleetJson } from "#core/rules/fleet.ts";

const amount = fc.bigInt({ min: 0n, max: 10n ** 20n }).map((units) => formatDecimal(units as never));
const strategy = fc
  .record({
    team: fc.constantFrom("a", "b"),
    name: fc.constantFrom("x", "y", "z"),
    owner: fc.constantFrom("alice", "bob"),
    running: fc.boolean(),
    position: amount,
    instruments: fc.subarray(["AAPL", "IBM", "MSFT"], { minLength: 1 }),
    rate: fc.record({ count: fc.integer({ min: 1, max: 99 }), seconds: fc.integer({ min: 1, max: 120 }) }),
  })
  .map(({ team, name, owner, running, position, instruments, rate }): FleetStrategy => {
    const orderRate = `${rate.count}/${rate.seconds}s`;
    const limits = { ...exampleFleetStrategy.limits, instruments, maxPositionNotional: position, orderRate };
    return { ...exampleFleetStrategy, id: `${team}/${name}`, team, name, owner, running, limits };
  });
const strategies = fc.uniqueArray(strategy, { selector: ({ id }) => id, maxLength: 6 });
const teamOf = (name: string): JsonObject => ({ name, listed: true, members: [] });

const units = (text: unknown): bigint => {
  const parsed = parseDecimal(String(text));
  return parsed.ok ? parsed.value : -1n;
};

test("sums are exact, whatever the order, and the parts are the whole", () => {
  fc.assert(
    fc.property(strategies, fc.nat(), (all, turn) => {
      const fleet = fleetJson(all, teamOf);
      const turned = [...all.slice(turn % (all.length || 1)), ...all.slice(0, turn % (all.length || 1))];
      expect(fleetJson(turned, teamOf)).toEqual(fleet);
      const running = all.filter((one) => one.running);
      const totals = fleet["totals"] as JsonObject;
      const positions = running.map(({ limits }) => units(limits.maxPositionNotional));
      expect(units(totals["maxPositionNotional"])).toBe(positions.reduce((sum, one) => sum + one, 0n));
      for (const groups of ["teams", "owners"]) {
        const parts = (fleet[groups] as readonly JsonObject[]).map((group) => group["totals"] as JsonObject);
        for (const key of ["strategies", "running", "ordersPerMinute"])
          expect(parts.reduce((sum, part) => sum + Number(part[key]), 0)).toBe(totals[key]);
        const whole = parts.reduce((sum, part) => sum + units(part["maxPositionNotional"]), 0n);
        expect(whole).toBe(units(totals["maxPositionNotional"]));
      }
      for (const instrument of fleet["instruments"] as readonly JsonObject[]) {
        const holders = running.filter(({ limits }) => limits.instruments.includes(String(instrument["name"])));
        expect(instrument["strategies"]).toEqual(holders.map(({ id }) => id).sort());
      }
    }),
  );
});
