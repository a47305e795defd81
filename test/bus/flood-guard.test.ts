import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Meter } from "#bus/allowance.ts";
import { type CutOff, FloodGuard, floodLimits } from "#bus/flood-guard.ts";
import { executorAccess, feedAccess, gatewayAccess } from "#core/access.ts";
import { effective } from "../executor/rig.ts";

const access = executorAccess(effective({ team: "momentum", name: "sma" }));
const others = [feedAccess("paper", "stocks", "replay"), gatewayAccess("paper")];
const rules = new Map([access, ...others].map((rule) => [rule.identity, rule]));
const { identity } = access;

class Scene {
  nowMs = 0;
  /** Of the wall's clock, as somebody has set it. */
  startedMs = Date.UTC(2026, 10, 27, 12, 0, 0);
  readonly cuts: CutOff[] = [];
  readonly guard = new FloodGuard({
    access: () => rules,
    nowMs: () => this.nowMs,
    dateMs: () => this.startedMs + this.nowMs,
    cutOff: (cut) => this.cuts.push(cut),
  });
}

describe("an allowance", () => {
  const allowance = { perSecond: 100, burst: 50 };

  test("whoever keeps within it is never found over it, however late or seldom one looks", () => {
    const step = fc.record({ waitMs: fc.nat(2_000), wants: fc.nat(400), isLookedAt: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const meter = new Meter(allowance, 0);
        // Takes as much of what it wants as a bucket that is filled all the time gives it.
        const bucket = { left: allowance.burst, atMs: 0 };
        let untold = 0;
        for (const { waitMs, wants, isLookedAt } of steps) {
          const left = Math.min(allowance.burst, bucket.left + (allowance.perSecond * waitMs) / 1_000);
          const taken = Math.min(wants, Math.floor(left));
          bucket.left = left - taken;
          bucket.atMs += waitMs;
          untold += taken;
          if (!isLookedAt) continue;
          // What is left of a sum of fractions is not quite zero.
          const excess = meter.add(untold, bucket.atMs + 1e-6);
          expect(excess).toBeUndefined();
          untold = 0;
        }
      }),
    );
  });

  test("whoever goes on above it is found when as much as may come at once is used up, told of one by one or not", () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 20_000 }), fc.integer({ min: 1, max: 500 }), (perSecond, lookMs) => {
        const meter = new Meter(allowance, 0);
        const overMs = (allowance.burst / (perSecond - allowance.perSecond)) * 1_000;
        let found = 0;
        for (let ms = lookMs; found === 0 && ms <= overMs + 2 * lookMs; ms += lookMs)
          if (meter.add((perSecond * lookMs) / 1_000, ms) !== undefined) found = ms;
        expect(found).toBeGreaterThanOrEqual(overMs - lookMs);
      }),
    );
  });
});

describe("the guard", () => {
  test("a strategy that keeps the gateway's 200 requests a second, and what its executor says beside, is never cut off", () => {
    // In any order: each tenth of a second it sends a second's orders at once, or none; comes again; is looked at, or not.
    const tenth = fc.record({ orders: fc.nat(200), isLookedAt: fc.boolean(), comesAgain: fc.boolean() });
    fc.assert(
      fc.property(fc.array(tenth, { maxLength: 600 }), (tenths) => {
        const scene = new Scene();
        let [second, left, untold, logins] = [0, 200, 0, 0];
        for (const [index, { orders, isLookedAt, comesAgain }] of tenths.entries()) {
          scene.nowMs += 100;
          if (Math.floor(index / 10) !== second) [second, left] = [Math.floor(index / 10), 200];
          const sent = Math.min(orders, left);
          left -= sent;
          untold += sent + 1;
          if (comesAgain && logins <= index / 20) {
            logins += 1;
            // What was not acknowledged is said again.
            untold += 200;
            expect(scene.guard.login(identity)).toBeUndefined();
          }
          if (!isLookedAt) continue;
          expect(scene.guard.published(identity, untold, untold * 1_000)).toBeUndefined();
          untold = 0;
        }
        expect(scene.cuts).toEqual([]);
      }),
    );
  });

  test("goes by no clock that is set: neither is anybody cut off for it, nor let in earlier or later", () => {
    const scene = new Scene();
    for (const hours of [1, -1]) {
      scene.startedMs += hours * 3_600_000;
      for (let second = 0; second < 600; second += 1) {
        scene.nowMs += 1_000;
        expect(scene.guard.published(identity, 200, 0)).toBeUndefined();
      }
    }
    expect(scene.guard.published(identity, 9_999, 0)).toBe("it is let in again at 12:20:10 UTC");
    scene.startedMs += 3_600_000;
    scene.nowMs += floodLimits.keptOutMs.first - 1;
    expect(scene.guard.login(identity)).toBe("it is let in again at 12:20:10 UTC");
    scene.startedMs -= 3_600_000;
    scene.nowMs += 1;
    expect(scene.guard.login(identity)).toBeUndefined();
  });

  test("says once who was cut off, for what, and until when; a second time it takes twice as long, up to the last", () => {
    const scene = new Scene();
    expect(scene.guard.published(identity, 2_000, 0)).toBeUndefined();
    scene.nowMs += 500;
    expect(scene.guard.published(identity, 3_312, 0)).toBe("it is let in again at 12:00:10 UTC");
    expect(scene.cuts).toEqual([
      {
        identity,
        topic: "strat/momentum/sma/log",
        reason:
          "cut off from the bus: 5,312 messages in 0.5 s, at most 1,000 a second and 2,000 at once; it is let in again at 12:00:10 UTC",
      },
    ]);
    scene.nowMs += 9_999;
    expect(scene.guard.login(identity)).toBe("it is let in again at 12:00:10 UTC");
    expect(scene.guard.published(identity, 9_999, 0)).toBe("it is let in again at 12:00:10 UTC");
    const keptOutMs: number[] = [];
    for (let time = 0; time < 8; time += 1) {
      while (scene.guard.login(identity) !== undefined) scene.nowMs += 500;
      expect(scene.guard.published(identity, 5_000, 0)).toBeDefined();
      const sinceMs = scene.nowMs;
      while (scene.guard.login(identity) !== undefined) scene.nowMs += 500;
      keptOutMs.push(scene.nowMs - sinceMs);
    }
    expect(keptOutMs).toEqual([20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000, 300_000]);
    scene.nowMs += floodLimits.forgottenMs + 1;
    scene.guard.published(identity, 0, 0);
    scene.guard.published(identity, 5_000, 0);
    scene.nowMs += floodLimits.keptOutMs.first;
    expect(scene.guard.login(identity)).toBeUndefined();
    expect(scene.guard.cut).toBe(10);
  });

  test.each<[string, (guard: FloodGuard) => unknown]>([
    ["5,000 messages", (guard) => guard.published(identity, 5_000, 0)],
    ["9,000,000 bytes", (guard) => guard.published(identity, 1, 9_000_000)],
    ["101 connections", (guard) => Array.from({ length: 101 }, () => guard.login(identity)).at(-1)],
    ["3 times cut for not reading", (guard) => Array.from({ length: 3 }, () => guard.stalled(identity))],
  ])("cuts off for %s", (what, flood) => {
    const scene = new Scene();
    flood(scene.guard);
    expect(scene.cuts.map(({ reason }) => reason)).toEqual([
      expect.stringContaining(`cut off from the bus: ${what} in 0.1 s, at most `),
    ]);
  });

  test("feeds, the gateway and whoever is unknown may say what they like", () => {
    const scene = new Scene();
    for (const name of [...others.map((other) => other.identity), "slipway-paper/bus", "nobody/here"]) {
      expect(scene.guard.published(name, 1e9, 1e9)).toBeUndefined();
      expect(Array.from({ length: 200 }, () => scene.guard.login(name)).at(-1)).toBeUndefined();
    }
  });
});
