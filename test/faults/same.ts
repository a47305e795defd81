// Where nothing ends and nothing is lost, it must come to the same: duplicates, delays, what overtakes, and a venue that answers late, twice or not at all
// change no order and no fill.
import { createHash } from "node:crypto";
import type * as fc from "fast-check";
import { formatDecimal } from "#core/decimal.ts";
import { ordersOf } from "./checks.ts";
import { play, quiet, type Scenario, scenario } from "./scenario.ts";
import { strategy, type World } from "./sim/world.ts";

/** Quotes of one instrument that may fall into the start, whose length a wire decides. */
const firstSeq = 5;

/** Disturbed, but without a fault that takes anything away. */
export const disturbed: fc.Arbitrary<Scenario> = scenario.map((drawn) => ({
  ...drawn,
  ...{ faults: [], algorithm: "steady" as const, thinkMs: 1, msPerStep: 3_000, durability: "process" as const },
  // Prices that wait for each other become one.
  broker: { ...drawn.broker, wire: { ...drawn.broker.wire, delayMs: Math.min(drawn.broker.wire.delayMs, 500) } },
  exchange: {
    ...(drawn.exchange ?? quiet.exchange),
    ...{ rejectPercent: 0, loseRequestPercent: 0, lateRequestPercent: 0 },
  },
}));

/** What was ordered and filled, as one number. What it cost is the moment's. */
function hashOf(world: World): string {
  world.finish().close();
  const lines = [...ordersOf(world.bookFile, strategy).values()].flatMap(({ id, sid, side, filled, status }) => {
    const seq = Number(/:(\d+)$/.exec(world.requests.get(id)?.cause ?? "")?.[1]);
    return seq >= firstSeq ? [`${id} ${sid} ${side} ${formatDecimal(filled)} ${status}`] : [];
  });
  if (lines.length === 0) throw new Error("nothing was ordered");
  return createHash("sha256").update(lines.sort().join("\n")).digest("hex");
}

async function hashAfter(drawn: Scenario): Promise<string> {
  const world = await play(drawn);
  try {
    return hashOf(world);
  } finally {
    world.close();
  }
}

/** @returns what differs: nothing */
export async function differs(drawn: Scenario): Promise<readonly string[]> {
  const [undisturbed, now] = [await hashAfter({ ...drawn, ...quiet }), await hashAfter(drawn)];
  return undisturbed === now ? [] : [`it came to ${now}, an undisturbed run to ${undisturbed}`];
}
