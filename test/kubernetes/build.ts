// Makes artifacts that the cache does not have. The first time takes minutes of both cores and gigabytes of Go's own caches.
import { existsSync, globSync } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  type Artifact,
  type Artifacts,
  argoModule,
  artifacts,
  coreDnsModule,
  goModule,
  kwokModule,
} from "./artifacts.ts";
import { downloadModule, extract, findGo, type Go } from "./go.ts";
import { compile, dropLeftovers, make } from "./make.ts";

/** The hash of the archive that files of Argo CD are taken from. */
const argoSum = "h1:OmhqeKiR3C//awbFrhQqFdtRI+Qiv17j8vqm3UkMj/g=";
/** And that of kwok. */
const kwokSum = "h1:OTIOTwgROqPMovcTwxICx2eYQ4AwLpSx5EpjbDKF4SQ=";

export type ArtifactName = Exclude<keyof Artifacts, "go" | "argoGo">;

/** Makes what is missing, one after the other, in the order asked for. */
export async function ensureArtifacts(names: readonly ArtifactName[]): Promise<Artifacts> {
  const all = artifacts();
  await dropLeftovers(dirname(all.go.folder));
  const missing = names.filter((name) => !existsSync(all[name].folder));
  for (const name of missing) await make(all[name], (folder) => fill(all, name, folder));
  return all;
}

async function fill(all: Artifacts, name: ArtifactName, folder: string): Promise<void> {
  const artifact = all[name];
  const output = join(folder, artifact.name);
  if (name === "argoCd") {
    const go = await findGo(all.argoGo, make, 27);
    const version = "github.com/argoproj/argo-cd/v3/common.version";
    return compile(go, argoModule, "github.com/argoproj/argo-cd/v3/cmd", output, [`${version}=${artifact.version}`]);
  }
  const go = await findGo(all.go, make);
  switch (name) {
    case "argoCrds":
      return extractCrds(go, artifact, folder, ["application", "appproject"]);
    case "argoFiles":
      await extractCrds(go, artifact, folder, ["applicationset"]);
      return extractScripts(go, artifact, folder);
    case "etcd":
      return compile(go, goModule, "go.etcd.io/etcd/server/v3", output, []);
    case "coreDns":
      return compile(go, coreDnsModule, ".", output, []);
    case "kwok":
      await extractStages(go, artifact, folder);
      return compile(go, kwokModule, "sigs.k8s.io/kwok/cmd/kwok", output, []);
    case "celReference":
    case "policyTypes":
    case "policyEnforcer":
    case "pause":
      return compile(go, goModule, `./${artifact.name}`, output, []);
    default:
      return compile(go, goModule, `k8s.io/kubernetes/cmd/${artifact.name}`, output, versionVariables(artifact));
  }
}

/** Without these a program says that it is v0.0.0, and compares feature gates with that. */
function versionVariables({ version }: Artifact): readonly string[] {
  const [major = "", minor = ""] = version.split(".");
  const prefix = "k8s.io/component-base/version";
  return [`${prefix}.gitVersion=v${version}`, `${prefix}.gitMajor=${major}`, `${prefix}.gitMinor=${minor}`];
}

async function extractCrds(go: Go, { version }: Artifact, folder: string, kinds: readonly string[]): Promise<void> {
  const names = new Map(kinds.map((kind) => [`manifests/crds/${kind}-crd.yaml`, `${kind}.yaml`]));
  await extractArgo(go, version, folder, names);
}

async function extractScripts(go: Go, { version }: Artifact, folder: string): Promise<void> {
  const scripts = ["git-verify-wrapper.sh", "gpg-wrapper.sh"];
  await extractArgo(go, version, folder, new Map(scripts.map((script) => [`hack/${script}`, `bin/${script}`])));
  // Archives of modules carry no permissions.
  for (const script of scripts) await chmod(join(folder, "bin", script), 0o755);
}

/** How kwok plays: nodes that are ready at once and pods that run at once, until they are deleted. */
async function extractStages(go: Go, { version }: Artifact, folder: string): Promise<void> {
  const archive = await downloadModule(go, "sigs.k8s.io/kwok", `v${version}`);
  if (archive.sum !== kwokSum) throw new Error(`kwok ${version} has the hash ${archive.sum}`);
  const wanted =
    /^kustomize\/stage\/(?:node\/fast|node\/heartbeat-with-lease|pod\/fast)\/(?!kustomization)[^/]+\.yaml$/;
  extract(archive, join(folder, "module"), (name) => wanted.test(name));
  await mkdir(join(folder, "stages"));
  for (const path of globSync("module/kustomize/stage/**/*.yaml", { cwd: folder }))
    await rename(join(folder, path), join(folder, "stages", basename(path)));
  await rm(join(folder, "module"), { recursive: true });
}

/** @param names where the module has each file, and where it goes */
async function extractArgo(go: Go, version: string, folder: string, names: ReadonlyMap<string, string>): Promise<void> {
  const archive = await downloadModule(go, "github.com/argoproj/argo-cd/v3", `v${version}`);
  if (archive.sum !== argoSum) throw new Error(`argo-cd ${version} has the hash ${archive.sum}`);
  extract(archive, join(folder, "module"), (name) => names.has(name));
  for (const [from, to] of names) {
    await mkdir(join(folder, to, ".."), { recursive: true });
    await rename(join(folder, "module", from), join(folder, to));
  }
  await rm(join(folder, "module"), { recursive: true });
}
