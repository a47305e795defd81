import type { Message } from "esbuild";
import type { Finding } from "#core/refusal.ts";
import { type SlotFiles, slotNames } from "#core/slots.ts";
import type { StrategyFolder } from "./layout.ts";

// A strategy whose sizing or guard stands in files of its own is one module all the same: its default export is the algorithm, and they are the
// exports `sizing` and `guard`.

/** The file that exports all of them; no file of a folder can be called so. */
export const together = "slipway/slots";

/** One export a line, in the order of `exported`: so a missing one is found again. */
export function exportsText(entry: string, slots: SlotFiles): string {
  const lines = slotNames.flatMap((name) => {
    const file = slots[name];
    return file === undefined ? [] : [`export { default as ${name} } from ${JSON.stringify(`./${file}`)};`];
  });
  return [`export { default } from ${JSON.stringify(`./${entry}`)};`, ...lines].join("\n");
}

/** @param exported the files, the algorithm's first */
export function withoutDefault(
  strategy: StrategyFolder,
  { location, text }: Message,
  entry: string,
  exported: readonly string[],
): Finding | undefined {
  const file = location?.file === entry ? exported[location.line - 1] : undefined;
  if (file === undefined || !text.startsWith("No matching export")) return undefined;
  return noDefaultExport(strategy, file, file === exported[0]);
}

export function noDefaultExport(strategy: StrategyFolder, file: string, isAlgorithm: boolean): Finding {
  return {
    code: "algorithm-no-default-export",
    severity: "error",
    message: `${file} has no default export; the executor would find no ${isAlgorithm ? "algorithm" : "code for the portfolio"} in it`,
    fix: "write export default in front of the class",
    place: { file: `${strategy.folder}/${file}`, line: 1, column: 1 },
  };
}
