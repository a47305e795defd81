import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { localForge } from "#forge/local.ts";
import { initBareRepository } from "#git/open.ts";
import type { ForgeFixture } from "../contract/forge-contract.ts";

export async function openLocal(): Promise<ForgeFixture> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-forge-"));
  const repository = await initBareRepository(join(folder, "forge.git"));
  const forge = localForge({ repository, clock: () => 1_700_000_000_000 });
  return {
    repository,
    forge,
    // It takes anyone's word for who they are.
    as: () => forge,
    look: () => Promise.resolve(),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
