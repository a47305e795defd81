// Gets what the forges' tests run, unless the cache has it: Gitea, built from its Go module, and GitHub's description of its interface.
//
//   node test/forge-servers/build.ts
//
// The first time takes some 11 minutes of processor time, a C compiler (for SQLite) and 1 GB of Go's own caches.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { artifacts } from "../kubernetes/artifacts.ts";
import { downloadModule, extract, findGo, type Go } from "../kubernetes/go.ts";
import { compile, dropLeftovers, make } from "../kubernetes/make.ts";
import { giteaArtifact, githubDescriptionArtifact, goModule } from "./artifacts.ts";

const goMinorMin = 26;
const command = "code.gitea.io/gitea";
const wanted = giteaArtifact();

await dropLeftovers(dirname(wanted.folder));
if (existsSync(wanted.folder)) console.log(`gitea ${wanted.version}: in the cache`);
else {
  const go = await findGo(artifacts().go, make, goMinorMin);
  await make(wanted, async (folder) => {
    await compile(withSqlite(go), goModule, command, join(folder, "gitea"), [`main.Version=${wanted.version}`]);
    const archive = await downloadModule(go, command, `v${wanted.version}`);
    extract(archive, join(folder, "module"), (name) => /^(?:templates|options|public)\//.test(name));
    await rename(join(folder, "module"), join(folder, "static"));
  });
}

const description = githubDescriptionArtifact();
/** Of the package that the description is taken from. */
const descriptionIntegrity = "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg==";

// The package holds every edition of GitHub, 385 MB: one file of it is taken, and it is no dependency.
if (existsSync(description.folder)) console.log(`${description.name} ${description.version}: in the cache`);
else
  await make(description, async (folder) => {
    const options = { cwd: folder, encoding: "utf8", timeout: 300_000 } as const;
    const packed = execFileSync("npm", ["pack", "--silent", `@octokit/openapi@${description.version}`], options).trim();
    const archive = join(folder, packed);
    const found = createHash("sha512").update(readFileSync(archive)).digest("base64");
    if (found !== descriptionIntegrity)
      throw new Error(`@octokit/openapi ${description.version} has the hash ${found}`);
    const member = "package/generated/api.github.com.json";
    execFileSync("tar", ["-xzf", archive, "--strip-components=2", member], options);
    await rm(archive);
  });

function withSqlite(go: Go): Go {
  const flags = `${go.env["GOFLAGS"] ?? ""} -tags=sqlite,sqlite_unlock_notify`.trim();
  return { program: go.program, env: { ...go.env, CGO_ENABLED: "1", GOFLAGS: flags } };
}
