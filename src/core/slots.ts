import type { PortfolioSettings } from "./effective.ts";

/** What may stand in a file of the strategy's own beside the algorithm: how much one signal bets, and what is held back. */
export const slotNames = ["sizing", "guard"] as const;
export type SlotName = (typeof slotNames)[number];

/** The file of each slot that has one. */
export type SlotFiles = { readonly [Name in SlotName]?: string };

/** The method that a slot's code must have. */
export const slotMethods = { sizing: "optimize", guard: "check" } as const satisfies Record<SlotName, string>;

export function slotFiles({ sizing, guard }: Pick<PortfolioSettings, "sizing" | "guard">): SlotFiles {
  return {
    ...(sizing.use === "file" ? { sizing: sizing.file } : {}),
    ...(guard?.file === undefined ? {} : { guard: guard.file }),
  };
}
