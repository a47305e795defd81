// Builds what the API server's tests run, unless the cache has it: kube-apiserver and etcd from their Go modules, and Argo CD's CRDs.
//
//   node test/apiserver/build.ts
//
// The first time takes some 13 minutes of processor time and 2 GB of Go's own caches; after that it reads a few folders.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { setPriority } from "node:os";
import { basename, dirname, join } from "node:path";
import { readProcess } from "#local/processes.ts";
import { type Artifact, artifacts, goModule } from "./artifacts.ts";
import { downloadModule, extract, findGo, type Go } from "./go.ts";

/** The hash of the archive that the CRDs are taken from. */
const argoSum = "h1:OmhqeKiR3C//awbFrhQqFdtRI+Qiv17j8vqm3UkMj/g=";
const buildTimeoutMs = 45 * 60_000;

const wanted = artifacts();
await dropLeftovers(dirname(wanted.go.folder));
const { argoCrds, etcd, celReference, policyTypes, apiServer } = wanted;
const missing = [argoCrds, etcd, celReference, policyTypes, apiServer].filter(({ folder }) => !existsSync(folder));
if (missing.length === 0) console.log(`kube-apiserver ${wanted.apiServer.version}: in the cache`);
else await buildMissing();

async function buildMissing(): Promise<void> {
  const go = await findGo(wanted.go, make);
  if (missing.includes(wanted.argoCrds)) await make(wanted.argoCrds, (folder) => extractCrds(go, folder));
  if (missing.includes(wanted.etcd)) {
    await make(wanted.etcd, (folder) => compile(go, "go.etcd.io/etcd/server/v3", join(folder, "etcd"), []));
  }
  for (const program of [celReference, policyTypes]) {
    if (!missing.includes(program)) continue;
    await make(program, (folder) => compile(go, `./${program.name}`, join(folder, program.name), []));
  }
  if (missing.includes(wanted.apiServer)) {
    // Without these it says that it is v0.0.0, and compares feature gates with that.
    const [major = "", minor = ""] = wanted.apiServer.version.split(".");
    const version = "k8s.io/component-base/version";
    const variables = [
      `${version}.gitVersion=v${wanted.apiServer.version}`,
      `${version}.gitMajor=${major}`,
      `${version}.gitMinor=${minor}`,
    ];
    await make(wanted.apiServer, (folder) =>
      compile(go, "k8s.io/kubernetes/cmd/kube-apiserver", join(folder, "kube-apiserver"), variables),
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

/** Fills a temporary folder and puts it in its place at once: a killed build leaves nothing that looks finished. */
async function make(artifact: Artifact, fill: (folder: string) => Promise<void>): Promise<void> {
  const cache = dirname(artifact.folder);
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, `.building-${process.pid}-`));
  const began = performance.now();
  const title = `${artifact.name} ${artifact.version}`;
  try {
    console.log(`${title}: making it, once; it is kept in ${cache}`);
    await fill(folder);
    await rename(folder, artifact.folder).catch((error: NodeJS.ErrnoException) => {
      // Another build was faster, and its result is the same.
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
    console.log(`${title}: done in ${Math.round((performance.now() - began) / 1000)} s`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a killed build left, known by the number of its process. */
async function dropLeftovers(cache: string): Promise<void> {
  const names = await readdir(cache).catch(() => []);
  for (const name of names) {
    const pid = /^\.building-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || (await readProcess(Number(pid))) !== undefined) continue;
    await rm(join(cache, name), { recursive: true, force: true });
  }
}

async function compile(go: Go, command: string, output: string, variables: readonly string[]): Promise<void> {
  const linker = ["-s", "-w", ...variables.map((variable) => `-X ${variable}`)].join(" ");
  const argv = ["build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", linker, "-o", output, command];
  const began = performance.now();
  const child = spawn(go.program, argv, { cwd: goModule, env: go.env, stdio: ["ignore", "inherit", "pipe"] });
  // The machine stays usable meanwhile.
  if (child.pid !== undefined) setPriority(child.pid, 5);
  const timer = setTimeout(() => child.kill("SIGTERM"), buildTimeoutMs);
  let tail: readonly string[] = [];
  let count = 0;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    // `-v` names each package as it is compiled; what else is on this stream is the reason of a failure.
    const lines = text.split("\n").filter((line) => line !== "");
    count += lines.length;
    tail = [...tail, ...lines].slice(-20);
    const seconds = Math.round((performance.now() - began) / 1000);
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K  ${basename(output)}: ${count} packages, ${seconds} s`);
  });
  const [code] = await new Promise<readonly [number | null]>((resolve, reject) => {
    child.on("error", reject).on("close", (ended) => resolve([ended]));
  });
  clearTimeout(timer);
  if (process.stdout.isTTY) process.stdout.write("\r\x1b[K");
  if (code !== 0) throw new Error(`go build ${command} failed (${code}):\n${tail.join("\n")}`);
}
