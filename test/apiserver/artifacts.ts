// What the API server's tests need beside this checkout, in which version and where it is kept.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The Go module that pins every module of these programs; `go.sum` beside it pins their content. */
export const goModule = join(import.meta.dirname, "go");

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
  /** Evaluates expressions with the API server's CEL (`go/cel-reference`). */
  readonly celReference: Artifact;
  /** Checks the types of admission policies as the controller manager does (`go/policy-types`). */
  readonly policyTypes: Artifact;
  /** Argo CD's CustomResourceDefinitions as its release ships them. */
  readonly argoCrds: Artifact;
  /** Go itself, for machines without one that is new enough. */
  readonly go: Artifact;
}

/** Where builds are kept: outside the checkout, by version, shared by all clones on a machine. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "slipway");
}

/** A changed program is another version. */
function sourceHash(program: string): string {
  const source = readFileSync(join(goModule, program, "main.go"));
  return createHash("sha256").update(source).digest("hex").slice(0, 8);
}

export function artifacts(cache: string = cacheFolder()): Artifacts {
  const pinned = readFileSync(join(goModule, "go.mod"), "utf8");
  const versionOf = (module: string): string => {
    const found = new RegExp(`^\\t${module.replaceAll(".", "\\.")} v(\\d+\\.\\d+\\.\\d+)$`, "m").exec(pinned)?.[1];
    if (found === undefined) throw new Error(`go.mod does not require ${module} directly`);
    return found;
  };
  const artifact = (name: string, version: string): Artifact => ({
    name,
    version,
    folder: join(cache, `${name}-${version}`),
  });
  const kubernetes = versionOf("k8s.io/kubernetes");
  const program = (name: string): Artifact => artifact(name, `${kubernetes}-${sourceHash(name)}`);
  return {
    apiServer: artifact("kube-apiserver", kubernetes),
    etcd: artifact("etcd", versionOf("go.etcd.io/etcd/server/v3")),
    kubectl: artifact("kubectl", kubernetes),
    celReference: program("cel-reference"),
    policyTypes: program("policy-types"),
    argoCrds: artifact("argo-cd-crds", "3.6.1"),
    go: artifact("go", "1.26.8"),
  };
}
