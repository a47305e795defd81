export type { StrategyDocument } from "./strategy.generated.ts";
