// Asks a forge by its interface and by Git, and prints what became of both: `node ask-forge.ts <url> <folder> [<authority>]`.
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { giteaForge } from "#forge/gitea/gitea.ts";
import { initBareRepository } from "#git/open.ts";
import { readAuthority } from "../../src/cli/forge-authority.ts";

const [url = "", folder = "", authority] = process.argv.slice(2);
const mirror = await initBareRepository(join(await mkdtemp(join(folder, "asking-")), "mirror.git"));
const read = authority === undefined ? undefined : await readAuthority({ checkout: folder, now: Date.now }, authority);
if (read?.ok === false) throw new Error(read.error.message);
const { forge, repository } = await giteaForge({
  ...{
    url,
    mirror,
    owner: "o",
    name: "n",
    token: "token-of-slipway",
    writer: "slipway",
    steady: () => performance.now(),
  },
  ...{ pause: () => Promise.resolve(), ...(read === undefined ? {} : { trust: read.value }) },
});
const become = async (asked: Promise<unknown> | undefined): Promise<string> => {
  try {
    await asked;
    return "believed";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
};
console.log(JSON.stringify({ interface: await become(forge.caller?.()), git: await become(repository.fetch()) }));
