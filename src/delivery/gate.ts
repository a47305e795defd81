// The door to the gate: judging a proposal, and merging what passed.
export { type JudgeRequest, judge, preview } from "./judge.ts";
export { judgeTrees } from "./judge-trees.ts";
export { type MergedProposal, type MergeRefusal, type MergeRequest, mergeProposal } from "./merge.ts";
export type { ApprovalNeed, ChangedObject, EnvironmentImpact, StrategyImpact, Verdict } from "./verdict.ts";
