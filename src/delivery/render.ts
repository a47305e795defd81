// The door to rendering. Importing it brings the charts: `check` does not.
export { type RenderBranchRequest, type RenderedCommit, renderBranch } from "./render-branch.ts";
export { type RenderedEnvironment, renderTree, renderWorkspace } from "./render-tree.ts";
