import { languageOf } from "#core/effective.ts";
import type { Finding } from "#core/refusal.ts";
import { type SlotName, slotMethods, slotNames } from "#core/slots.ts";
import { slotsOf } from "./check-code.ts";
import { countSlots, type DescribeRequest } from "./describe.ts";
import type { StrategySource } from "./fleet.ts";
import type { Memo } from "./memo.ts";

/** An executor does not start with a sizing that has no `optimize()`, or a guard without `check()`: what is in their files is looked at here. */
export async function refuseSlots(
  strategy: StrategySource,
  request: DescribeRequest,
  memo: Memo,
): Promise<readonly Finding[]> {
  const slots = slotsOf(strategy, request.entry);
  const counts = await countSlots(request, slots, memo);
  return slotNames.flatMap((name) => {
    const [file, count] = [slots[name], counts[name]];
    return file === undefined || count === undefined || count === 1 ? [] : [finding(strategy, name, file, count)];
  });
}

function finding({ folder: { folder } }: StrategySource, name: SlotName, file: string, count: number): Finding {
  const wanted = `${slotMethods[name]}()`;
  const python = languageOf(file) === "python";
  const called = `class ${name === "sizing" ? "Sizing" : "Guard"}`;
  const lacks = python ? `${file} has no class with ${wanted}` : `the default export of ${file} has no ${wanted}`;
  const what = count === 0 ? lacks : `${file} has ${count} classes with ${wanted} and none is the ${called}`;
  return {
    code: "slot-function-missing",
    severity: "error",
    message: `${what}: its executor would not start`,
    fix: python ? `write one ${called} with ${wanted}` : `export a class or an object with ${wanted} as default`,
    place: { file: `${folder}/${file}`, line: 1, column: 1 },
  };
}
