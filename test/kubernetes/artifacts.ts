// What the tests with a real Kubernetes need beside this checkout, in which version and where it is kept.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The Go module that pins every module of Kubernetes, etcd and our own helpers; `go.sum` beside it pins their content. */
export const goModule = join(import.meta.dirname, "go");
/** Those of CoreDNS, Argo CD and kwok, which want other versions of the same modules. */
export const coreDnsModule = join(import.meta.dirname, "go-coredns");
export const argoModule = join(import.meta.dirname, "go-argocd");
export const kwokModule = join(import.meta.dirname, "go-kwok");

export interface Artifact {
  readonly name: string;
  readonly version: string;
  /** The folder that holds it. It exists complete or not at all. */
  readonly folder: string;
}

export interface Artifacts {
  readonly apiServer: Artifact;
  readonly etcd: Artifact;
  /** The client that people have, of the server's version. */
  readonly kubectl: Artifact;
  readonly controllerManager: Artifact;
  readonly scheduler: Artifact;
  readonly kubelet: Artifact;
  readonly proxy: Artifact;
  /** Holds NetworkPolicies on one node with a bridge (`go/policy-enforcer`). */
  readonly policyEnforcer: Artifact;
  /** Holds a pod's namespaces (`go/pause`). */
  readonly pause: Artifact;
  readonly coreDns: Artifact;
  /** All of Argo CD's processes in one program, which is what its name at the start says. */
  readonly argoCd: Artifact;
  /** Plays nodes, and pods that run on them. */
  readonly kwok: Artifact;
  /** Evaluates expressions with the API server's CEL (`go/cel-reference`). */
  readonly celReference: Artifact;
  /** Checks the types of admission policies as the controller manager does (`go/policy-types`). */
  readonly policyTypes: Artifact;
  /** Argo CD's CustomResourceDefinitions as its release ships them. */
  readonly argoCrds: Artifact;
  /** What its programs look for beside them: scripts that read signatures, and the kind that its API server watches. */
  readonly argoFiles: Artifact;
  /** Go itself, for machines without one that is new enough. */
  readonly go: Artifact;
  /** The newer one that Argo CD asks for. */
  readonly argoGo: Artifact;
}

/** Where builds are kept: outside the checkout, by version, shared by all clones on a machine. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "slipway");
}

/** A changed program is another version. */
function sourceHash(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex").slice(0, 8);
}

/** The version, without its `v`, that a `go.mod` requires directly. */
export function versionIn(folder: string, module: string): string {
  const pinned = readFileSync(join(folder, "go.mod"), "utf8");
  const found = new RegExp(`^(?:\\t|require )${module.replaceAll(".", "\\.")} v(\\d+\\.\\d+\\.\\d+)$`, "m").exec(
    pinned,
  );
  if (found?.[1] === undefined) throw new Error(`${folder}/go.mod does not require ${module} directly`);
  return found[1];
}

export function artifacts(cache: string = cacheFolder()): Artifacts {
  const artifact = (name: string, version: string): Artifact => ({
    name,
    version,
    folder: join(cache, `${name}-${version}`),
  });
  const kubernetes = versionIn(goModule, "k8s.io/kubernetes");
  const program = (name: string): Artifact =>
    artifact(name, `${kubernetes}-${sourceHash(join(goModule, name, "main.go"))}`);
  const argo = versionIn(argoModule, "github.com/argoproj/argo-cd/v3");
  const dns = versionIn(coreDnsModule, "github.com/coredns/coredns");
  return {
    apiServer: artifact("kube-apiserver", kubernetes),
    etcd: artifact("etcd", versionIn(goModule, "go.etcd.io/etcd/server/v3")),
    kubectl: artifact("kubectl", kubernetes),
    controllerManager: artifact("kube-controller-manager", kubernetes),
    scheduler: artifact("kube-scheduler", kubernetes),
    kubelet: artifact("kubelet", kubernetes),
    proxy: artifact("kube-proxy", kubernetes),
    policyEnforcer: program("policy-enforcer"),
    pause: program("pause"),
    coreDns: artifact("coredns", `${dns}-${sourceHash(join(coreDnsModule, "main.go"))}`),
    argoCd: artifact("argocd", argo),
    kwok: artifact("kwok", versionIn(kwokModule, "sigs.k8s.io/kwok")),
    celReference: program("cel-reference"),
    policyTypes: program("policy-types"),
    argoCrds: artifact("argo-cd-crds", argo),
    argoFiles: artifact("argo-cd-files", argo),
    go: artifact("go", "1.26.8"),
    argoGo: artifact("go", "1.27.0"),
  };
}
