// What a price costs an executor's step by how many instruments there are: CPU time, without bus and algorithm.
//
//   node bench/instruments.ts [instruments,…] [prices] [runs]
import { market, order, quote, Bench as Steps } from "../test/executor/bench.ts";
import { effective } from "../test/executor/rig.ts";
import { spread } from "./measure.ts";

const [counts = "4,100,500", prices = "20000", runs = "5"] = process.argv.slice(2);

const cases = {
  "nothing held": { holds: false, burst: false },
  "all held": { holds: true, burst: false },
  "all at once, none held": { holds: false, burst: true },
};

/** Microseconds a price. */
function cost(sids: readonly string[], { holds, burst }: (typeof cases)[keyof typeof cases]): number {
  const { limits } = effective();
  const steps = new Steps([], [], effective({ limits: { ...limits, instruments: sids } })).start();
  if (holds)
    for (const [index, sid] of sids.entries())
      steps.send({ type: "order-event", event: { ...order(sid, "filled", index + 1), sid } });
  let seq = 0;
  const round = (): void => {
    seq += 1;
    for (const sid of sids) {
      steps.send(market(quote(sid, seq, `${100 + (seq % 50)}.25`)));
      if (!burst) steps.decide();
    }
    if (burst) for (const _ of sids) steps.decide();
    steps.effects.length = 0;
  };
  for (let warm = 0; warm < 2_000; warm += sids.length) round();
  const before = process.cpuUsage();
  let given = 0;
  for (; given < Number(prices); given += sids.length) round();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / given;
}

for (const [name, how] of Object.entries(cases)) {
  for (const count of counts.split(",").map(Number)) {
    const sids = Array.from({ length: count }, (_, index) => `SYM${index}`);
    const us = Array.from({ length: Number(runs) }, () => cost(sids, how));
    console.log(`price    ${name}, ${count} instruments: ${spread(us, 1)} us CPU`);
  }
}
