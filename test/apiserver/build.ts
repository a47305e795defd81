// Builds what the API server's tests run, unless the cache has it: kube-apiserver, kubectl and etcd from their Go modules, and Argo CD's CRDs.
//
//   node test/apiserver/build.ts
//
// The first time takes some 13 minutes of processor time and 2 GB of Go's own caches; after that it reads a few folders.
import { ensureArtifacts } from "../kubernetes/build.ts";

const { apiServer } = await ensureArtifacts([
  "argoCrds",
  "etcd",
  "celReference",
  "policyTypes",
  "apiServer",
  "kubectl",
]);
console.log(`kube-apiserver ${apiServer.version}: in the cache`);
