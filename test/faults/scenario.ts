// What may happen to a world: settings and faults, drawn by fast-check and shrunk by it.
import * as fc from "fast-check";
import type { BrokerSettings, Wire } from "./sim/broker.ts";
import type { ExchangeSettings } from "./sim/exchange.ts";
import type { Process, Sim } from "./sim/time.ts";
import { type AlgorithmName, type Role, roles, World, type WorldSettings } from "./sim/world.ts";

export type Fault =
  /** Whoever takes this step ends before it is done. */
  | { readonly kind: "kill-step"; readonly step: number }
  | { readonly kind: "kill"; readonly atMs: number; readonly role: Role }
  /** SIGSTOP, and SIGCONT some time later. */
  | { readonly kind: "pause"; readonly atMs: number; readonly role: Role; readonly forMs: number }
  /** The executor stands still, some time later another one is started in its place with the same state, and it goes on. */
  | { readonly kind: "second"; readonly atMs: number; readonly afterMs: number; readonly forMs: number }
  /** Its connection breaks. */
  | { readonly kind: "cut"; readonly atMs: number; readonly role: Role }
  | { readonly kind: "clock"; readonly atMs: number; readonly role: Role; readonly hours: number }
  | { readonly kind: "disk-full"; readonly atMs: number; readonly role: "gateway" | "executor"; readonly forMs: number }
  | { readonly kind: "upgrade"; readonly atMs: number }
  /** The executor's volume is gone: the next one begins without any state, and is killed soon, too. */
  | { readonly kind: "lost"; readonly atMs: number; readonly againMs: number }
  /** Everything ends at once, and what was not on the disk for sure is gone. */
  | { readonly kind: "power"; readonly atMs: number };

export interface Scenario extends WorldSettings {
  /** How long the quiet after the storm lasts: longer than any clock is wrong and any answer is late. */
  readonly calmMs: number;
  readonly faults: readonly Fault[];
}

const percent = (...most: readonly number[]): fc.Arbitrary<number> => fc.constantFrom(0, 0, 0, ...most);

const wire: fc.Arbitrary<Wire> = fc.record({
  latencyMs: fc.constantFrom(1, 3, 50),
  duplicatePercent: percent(5, 30),
  delayPercent: percent(2, 10),
  delayMs: fc.constantFrom(100, 3_000),
  reorderPercent: percent(5, 30),
});

const broker: fc.Arbitrary<BrokerSettings> = fc.record({
  wire,
  acknowledgesFirst: fc.boolean(),
  keeps: fc.constantFrom("nothing" as const, "saved" as const, "all" as const),
});

const exchange: fc.Arbitrary<ExchangeSettings> = fc.record({
  latencyMs: fc.constantFrom(5, 500),
  fills: fc.integer({ min: 1, max: 4 }),
  fillEveryMs: fc.constantFrom(1, 300, 2_000),
  rejectPercent: percent(20),
  loseRequestPercent: percent(10, 30),
  loseAnswerPercent: percent(10, 30),
  repeatPercent: percent(10, 50),
  latePercent: percent(10, 30),
  lateRequestPercent: percent(10),
  pushes: fc.boolean(),
});

const steps = 8;
const msPerStep = fc.constantFrom(500, 3_000, 10_000);
const atMs = fc.integer({ min: 0, max: 60_000 });
const role = fc.constantFrom(...roles);
const forMs = fc.integer({ min: 50, max: 30_000 });

const fault: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("kill-step" as const), step: fc.integer({ min: 1, max: 1_500 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("kill" as const), atMs, role }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("pause" as const), atMs, role, forMs }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("second" as const),
      atMs,
      afterMs: fc.constantFrom(0, 500, 5_000),
      forMs,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cut" as const), atMs, role }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("clock" as const), atMs, role, hours: fc.constantFrom(-1, 1) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("disk-full" as const),
      ...{ atMs, role: fc.constantFrom("gateway" as const, "executor" as const), forMs },
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("upgrade" as const), atMs }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("lost" as const), atMs, againMs: fc.integer({ min: 200, max: 4_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("power" as const), atMs }) },
);

export const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    seed: fc.integer({ min: 0, max: 1_000_000 }),
    algorithm: fc.constantFrom<AlgorithmName>("steady", "sized", "hooked"),
    thinkMs: fc.constantFrom(1, 1, 1, 200),
    broker,
    exchange: fc.option(exchange, { nil: undefined }),
    steps: fc.constant(steps),
    msPerStep,
    faults: fc.array(fault, { maxLength: 8 }),
  })
  .map((drawn) => ({
    ...drawn,
    calmMs: 150_000,
    // As the gateway itself chooses.
    durability: drawn.exchange === undefined ? ("process" as const) : ("power" as const),
    // Within the time that the feed takes.
    faults: drawn.faults.map((each) =>
      "atMs" in each ? { ...each, atMs: each.atMs % (steps * drawn.msPerStep + 4_000) } : each,
    ),
  }));

/** A quiet day: nothing is lost, late or twice. */
export const quiet = {
  broker: {
    ...{ acknowledgesFirst: true, keeps: "nothing" },
    wire: { latencyMs: 2, duplicatePercent: 0, delayPercent: 0, delayMs: 0, reorderPercent: 0 },
  },
  exchange: {
    ...{ latencyMs: 5, fills: 2, fillEveryMs: 50, pushes: true },
    ...{
      rejectPercent: 0,
      loseRequestPercent: 0,
      loseAnswerPercent: 0,
      repeatPercent: 0,
      latePercent: 0,
      lateRequestPercent: 0,
    },
  },
} as const satisfies Pick<WorldSettings, "broker" | "exchange">;

/** Plays a scenario to its end. The caller closes the world. */
export async function play({ faults, calmMs, ...settings }: Scenario, trace?: (line: string) => void): Promise<World> {
  const kills = new Set(faults.flatMap((each) => (each.kind === "kill-step" ? [each.step] : [])));
  const world: World = new World(settings, ({ number, process, label }) => {
    trace?.(
      `${String(number).padStart(5)} ${world.sim.nowMs.toFixed(0).padStart(7)} ms ${process.name.padEnd(9)} ${label}`,
    );
    if (kills.has(number)) process.end("killed");
  });
  await world.play(() => {
    for (const each of faults) if (each.kind !== "kill-step") world.sim.schedule(each.atMs, () => strike(world, each));
  });
  // Clocks are set right again, disks have room, and whoever stands still goes on.
  for (const process of world.current.values()) process.skewMs = 0;
  await world.calm(calmMs);
  return world;
}

function strike(world: World, fault: Exclude<Fault, { readonly kind: "kill-step" }>): void {
  const { sim } = world;
  const processOf = (name: Role): Process | undefined => world.current.get(name);
  switch (fault.kind) {
    case "kill":
      processOf(fault.role)?.end("killed");
      break;
    case "pause":
      pause(sim, processOf(fault.role), fault.forMs);
      break;
    case "second":
      pause(sim, processOf("executor"), fault.forMs);
      sim.schedule(fault.afterMs, () => {
        // A pod of its own, with an algorithm of its own.
        world.start("algorithm");
        world.start("executor");
      });
      break;
    case "cut": {
      const process = processOf(fault.role);
      if (process !== undefined) world.place.cut(process);
      break;
    }
    case "clock": {
      const process = processOf(fault.role);
      if (process !== undefined) process.skewMs = fault.hours * 3_600_000;
      break;
    }
    case "disk-full":
      fill(world, fault.role, true);
      sim.schedule(fault.forMs, () => fill(world, fault.role, false));
      break;
    case "upgrade":
      world.upgrade("hooked");
      break;
    case "lost":
      world.lose();
      sim.schedule(fault.againMs, () => processOf("executor")?.end("killed"));
      break;
    case "power":
      world.power();
      break;
  }
}

function pause(sim: Sim, process: Process | undefined, forMs: number): void {
  if (process === undefined) return;
  process.pause();
  sim.schedule(forMs, () => process.resume());
}

function fill(world: World, role: "gateway" | "executor", full: boolean): void {
  if (role === "gateway") world.bookFull = full;
  else world.disk.full = full;
}
