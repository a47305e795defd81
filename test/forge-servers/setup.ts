import type { TestProject } from "vitest/node";
import { type GiteaServer, startGitea } from "./gitea-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    gitea: Pick<GiteaServer, "url" | "tokens">;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { url, tokens, stop } = await startGitea();
  project.provide("gitea", { url, tokens });
  return stop;
}
