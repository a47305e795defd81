// Builds what the API server's tests run, unless the cache has it: kube-apiserver, kubectl and etcd from their Go modules, and Argo CD's CRDs.
//
//   node test/apiserver/build.ts
//
// The first time takes some 13 minutes of processor time and 2 GB of Go's own caches; after that it reads a few folders.
import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { artifacts, goModule } from "./artifacts.ts";
import { downloadModule, extract, findGo, type Go } from "./go.ts";
import { compile, dropLeftovers, make } from "./make.ts";

/** The hash of the archive that the CRDs are taken from. */
const argoSum = "h1:OmhqeKiR3C//awbFrhQqFdtRI+Qiv17j8vqm3UkMj/g=";

const wanted = artifacts();
await dropLeftovers(dirname(wanted.go.folder));
const { argoCrds, etcd, celReference, policyTypes, apiServer, kubectl } = wanted;
const missing = [argoCrds, etcd, celReference, policyTypes, apiServer, kubectl].filter(
  ({ folder }) => !existsSync(folder),
);
if (missing.length === 0) console.log(`kube-apiserver ${apiServer.version}: in the cache`);
else await buildMissing();

async function buildMissing(): Promise<void> {
  const go = await findGo(wanted.go, make);
  if (missing.includes(argoCrds)) await make(argoCrds, (folder) => extractCrds(go, folder));
  if (missing.includes(etcd)) {
    await make(etcd, (folder) => compile(go, goModule, "go.etcd.io/etcd/server/v3", join(folder, "etcd"), []));
  }
  for (const program of [celReference, policyTypes]) {
    if (!missing.includes(program)) continue;
    await make(program, (folder) => compile(go, goModule, `./${program.name}`, join(folder, program.name), []));
  }
  for (const program of [apiServer, kubectl]) {
    if (!missing.includes(program)) continue;
    // Without these it says that it is v0.0.0, and compares feature gates with that.
    const [major = "", minor = ""] = program.version.split(".");
    const version = "k8s.io/component-base/version";
    const variables = [
      `${version}.gitVersion=v${program.version}`,
      `${version}.gitMajor=${major}`,
      `${version}.gitMinor=${minor}`,
    ];
    await make(program, (folder) =>
      compile(go, goModule, `k8s.io/kubernetes/cmd/${program.name}`, join(folder, program.name), variables),
    );
  }
}

async function extractCrds(go: Go, folder: string): Promise<void> {
  const archive = await downloadModule(go, "github.com/argoproj/argo-cd/v3", `v${wanted.argoCrds.version}`);
  if (archive.sum !== argoSum) throw new Error(`argo-cd ${wanted.argoCrds.version} has the hash ${archive.sum}`);
  extract(archive, join(folder, "module"), (name) =>
    /^manifests\/crds\/(application|appproject)-crd\.yaml$/.test(name),
  );
  for (const kind of ["application", "appproject"]) {
    await rename(join(folder, `module/manifests/crds/${kind}-crd.yaml`), join(folder, `${kind}.yaml`));
  }
  await rm(join(folder, "module"), { recursive: true });
}
