// Gets the linters of workflow files, unless the cache has them: actionlint from its Go module, zizmor from its Python package.
//
//   node test/workflows/install.ts
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { artifacts } from "../kubernetes/artifacts.ts";
import { findGo } from "../kubernetes/go.ts";
import { compile, dropLeftovers, make } from "../kubernetes/make.ts";
import { actionlintArtifact, goModule, zizmorArtifact } from "./artifacts.ts";

const [actionlint, zizmor] = [actionlintArtifact(), zizmorArtifact()];
await dropLeftovers(dirname(actionlint.folder));
if (existsSync(actionlint.folder)) console.log(`actionlint ${actionlint.version}: in the cache`);
else {
  const go = await findGo(artifacts().go, make, 25);
  await make(actionlint, (folder) =>
    compile(go, goModule, "github.com/rhysd/actionlint/cmd/actionlint", join(folder, "actionlint"), []),
  );
}
if (existsSync(zizmor.folder)) console.log(`zizmor ${zizmor.version}: in the cache`);
else if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0)
  console.log("zizmor: not installed, for this Python has no pip; its tests are left out");
else
  await make(zizmor, async (folder) => {
    const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--target", folder];
    const argv = ["-m", "pip", "install", ...options, `zizmor==${zizmor.version}`];
    const { status } = spawnSync("python3", argv, { stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
    if (status !== 0) throw new Error(`pip install zizmor failed (${status})`);
  });
