import { expect, test } from "vitest";
import { brokerNames } from "../faults/processes/brokers.ts";
import { playStorm } from "../faults/processes/storm.ts";

// Real processes, killed and stopped at instants that a seed draws (docs/faults.md). `npm run faults -- --processes` plays others.

test.each(brokerNames.map((broker, index) => ({ broker, seed: 11 + index })))(
  "no storm over real processes and $broker loses or doubles an order (seed $seed)",
  { timeout: 300_000 },
  async ({ broker, seed }) => {
    const { problems, orders, schedule } = await playStorm({ seed, broker, lastsMs: 12_000, msPerStep: 250 });
    expect(problems, schedule.join("\n")).toEqual([]);
    expect(orders).toBeGreaterThan(0);
  },
);
