// A forge on no network, by the adapter of all that are on one.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Forge } from "#forge/port.ts";
import { contentBudget } from "#forge/remote/budget.ts";
import { remoteForge } from "#forge/remote/forge.ts";
import { initBareRepository } from "#git/open.ts";
import type { Mirror } from "#git/port.ts";
import type { ForgeFixture } from "../contract/forge-contract.ts";
import { type MemoryForge, memoryForge } from "./memory-api.ts";

export interface MemoryFixture extends ForgeFixture {
  readonly memory: MemoryForge;
  readonly repository: Mirror;
}

export const pause = (): Promise<void> => Promise.resolve();

export async function openMemory(): Promise<MemoryFixture> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-forge-"));
  const bare = await initBareRepository(join(folder, "forge.git"));
  const repository: Mirror = { ...bare, fetch: pause, fetchRef: pause };
  const memory = memoryForge(bare);
  const budget = contentBudget({ steady: () => 0, pause, perMinute: 1_000, perHour: 1_000 });
  const forgeOf = (login: string): Forge =>
    remoteForge({ api: memory.as(login).api, repository, writer: "slipway", budget, pause });
  const forges = new Map(["alice", "bob", "carol"].map((login) => [login, forgeOf(login)]));
  const forge = forgeOf("slipway");
  return {
    memory,
    repository,
    forge,
    as: (person) => forges.get(person) ?? forge,
    look: pause,
    marks: async (number) => {
      const pull = await memory.as("slipway").api.pull(number);
      return { labels: [...(pull?.labels ?? [])].sort(), asked: pull?.asked ?? [] };
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
