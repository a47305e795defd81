// Gets what the cluster is made of, unless it is there: Debian packages, and programs built from their Go modules into the cache.
//
//   node test/cluster/build.ts
//
// From nothing some 18 minutes of processor time and 9 GB of Go's own caches; after that it looks at a few folders.
import { ensureArtifacts } from "../kubernetes/build.ts";
import { whyNoCluster } from "./able.ts";
import { installPackages } from "./packages.ts";

// A cluster that is there needs nothing of it.
if (process.env["SLIPWAY_TEST_KUBECONFIG"] === undefined) {
  const reason = whyNoCluster() ?? installPackages();
  if (reason !== undefined) throw new Error(reason);
  await import("../brokers/install.ts");
  await ensureArtifacts([
    ...(["argoCrds", "etcd", "apiServer", "kubectl", "policyEnforcer", "pause", "controllerManager"] as const),
    ...(["scheduler", "kubelet", "proxy", "coreDns", "argoCd", "argoFiles"] as const),
  ]);
}
